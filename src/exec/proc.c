/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/proc.h"

#include "base/buf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t proc_read(pid_t pid, const char *file, char *text, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    text[n > 0 ? n : 0] = '\0';
    return n;
}

/* 12 (name) S parent group session ...; the name may hold anything. */
static pid_t number_in_stat(pid_t pid, int nth)
{
    char text[512];

    if (proc_read(pid, "stat", text, sizeof text) <= 0)
        return 0;
    char *at = strrchr(text, ')');
    if (!at || strlen(at) <= 4)
        return 0;
    long number = 0;
    for (at += 3; nth > 0; nth--)
        number = strtol(at, &at, 10);
    return (pid_t)number;
}

pid_t proc_parent(pid_t pid)
{
    return number_in_stat(pid, 1);
}

pid_t proc_session(pid_t pid)
{
    return number_in_stat(pid, 3);
}

bool proc_is_first(pid_t pid)
{
    static const char name[] = "\nNSpid:"; /* its number here, in the namespace below, ... */
    char text[4096];
    const char *at;

    if (proc_read(pid, "status", text, sizeof text) <= 0 || !(at = strstr(text, name)))
        return false;
    at += strlen(name);
    scoped(mem_free) char *numbers = mem_text_n(at, strcspn(at, "\n"));
    const char *last = strrchr(numbers, '\t');
    return last && last > numbers && strcmp(last, "\t1") == 0;
}

static void read_children(struct buf *text)
{
    scoped(mem_free) char *path = mem_format("/proc/self/task/%d/children", gettid());
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    while (fd >= 0 && (n = read(fd, buf_reserve(text, 4096), 4096)) > 0)
        buf_grew(text, (size_t)n);
    buf_char(text, '\0');
}

void proc_each_child(void (*fn)(void *arg, pid_t pid), void *arg)
{
    scoped(buf_done) struct buf text = { 0 };

    read_children(&text); /* and no descriptor is ours any more, should there be but one */
    const char *at = text.data;
    for (char *end;; at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);
        if (end == at)
            return;
        fn(arg, pid);
    }
}
