/* SPDX-License-Identifier: Apache-2.0 */
#include "base/late.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int load(const char *library, const struct late_call *calls, size_t n, struct err *e)
{
    void *handle =
        dlopen(library, RTLD_NOW | RTLD_LOCAL); /* never closed: calls may be under way */

    if (!handle)
        return err_set(e, ERR_INTERNAL, "load %s: %s", library, dlerror());
    for (size_t i = 0; i < n; i++) {
        void *found = dlsym(handle, calls[i].name);
        if (!found)
            return err_set(e, ERR_INTERNAL, "load %s: it has no %s", library, calls[i].name);
        memcpy(calls[i].into, &found, sizeof found);
    }
    return 0;
}

int late_load(const char *library, const struct late_call *calls, size_t n, bool *loaded,
              struct err *e)
{
    pthread_mutex_lock(&lock);
    int r = *loaded ? 0 : load(library, calls, n, e);
    *loaded = r == 0;
    pthread_mutex_unlock(&lock);
    return r;
}
