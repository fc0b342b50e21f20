/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over /proc finds the family of each box. What a process has for itself is first taken for
 * the pages that no file stands behind, which is quickly read, and too much where processes share
 * what they had before a fork. Only who is over by that is looked at again: there the kernel divides
 * shared pages among those who share them, which it walks all page tables for.
 */
#include "exec/watchdog.h"

#include "base/mem.h"
#include "exec/proc.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

struct process {
    pid_t pid, parent;
};

struct family {
    struct process *all; /* by pid */
    size_t n;
};

static int by_pid(const void *a, const void *b)
{
    const struct process *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct family read_family(void)
{
    struct family f = { 0 };
    DIR *proc = opendir("/proc");
    size_t room = 0;

    for (struct dirent *d; proc && (d = readdir(proc));) {
        pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
        if (pid <= 0)
            continue;
        if (f.n == room) {
            room = room ? 2 * room : 256;
            f.all = mem_resize(f.all, room * sizeof *f.all);
        }
        f.all[f.n++] = (struct process){ pid, proc_parent(pid) };
    }
    if (proc)
        (void)closedir(proc);
    if (f.n > 0)
        qsort(f.all, f.n, sizeof *f.all, by_pid);
    return f;
}

/* A process that ended while we read can leave a circle of old numbers: so many steps and no more. */
static bool comes_from(const struct family *f, pid_t pid, pid_t first)
{
    for (size_t steps = 0; pid > 1 && steps <= f->n; steps++) {
        const struct process key = { .pid = pid };
        if (pid == first)
            return true;
        const struct process *p = bsearch(&key, f->all, f->n, sizeof *f->all, by_pid);
        pid = p ? p->parent : 0;
    }
    return false;
}

/* size resident shared ..., in pages */
static int64_t own_pages(pid_t pid)
{
    char text[128], *at = text;

    if (proc_read(pid, "statm", text, sizeof text) <= 0)
        return 0;
    (void)strtoll(at, &at, 10);
    int64_t resident = strtoll(at, &at, 10), shared = strtoll(at, &at, 10);
    return (resident - shared) * sysconf(_SC_PAGESIZE);
}

static int64_t own_share(pid_t pid)
{
    static const char name[] = "Pss_Anon:";
    char text[2048];
    const char *at;

    if (proc_read(pid, "smaps_rollup", text, sizeof text) <= 0 || !(at = strstr(text, name)))
        return own_pages(pid);
    return (int64_t)strtoll(at + strlen(name), NULL, 10) * 1024;
}

static int64_t sum(const struct family *f, const struct watched *w, int64_t (*of)(pid_t pid))
{
    int64_t total = 0;

    for (size_t i = 0; i < f->n; i++) {
        pid_t pid = f->all[i].pid;
        if (comes_from(f, pid, w->first[0]) || comes_from(f, pid, w->first[1]))
            total += of(pid);
    }
    return total;
}

void watchdog_look(struct watched *boxes, size_t n)
{
    struct family f = read_family();

    for (size_t i = 0; i < n; i++)
        boxes[i].over = sum(&f, &boxes[i], own_pages) > boxes[i].most &&
                        sum(&f, &boxes[i], own_share) > boxes[i].most;
    mem_free(f.all);
}
