/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

struct feed {
    struct loop *loop;
    int pipe; /* -1 once all is given */
    int file;
    char *text;
    size_t at, n;
    struct watch *watch;
};

int feed_new(struct loop *loop, struct feed **out, int *read_end, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a pipe");
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    struct feed *f = mem_new(sizeof *f);
    f->loop = loop;
    f->pipe = ends[1];
    f->file = -1;
    *read_end = ends[0];
    *out = f;
    return 0;
}

static void finish(struct feed *f)
{
    watch_free(take(f->watch));
    fd_close(take_fd(&f->pipe));
    fd_close(take_fd(&f->file));
}

static void pump(void *arg, uint32_t events)
{
    struct feed *f = arg;
    ssize_t n;

    (void)events;
    do {
        if (f->file >= 0)
            n = splice(f->file, NULL, f->pipe, NULL, 1024 * 1024, SPLICE_F_NONBLOCK);
        else if ((n = write(f->pipe, f->text + f->at, f->n - f->at)) > 0)
            f->at += (size_t)n;
    } while (n > 0 && (f->file >= 0 || f->at < f->n));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    finish(f); /* all given, or nobody reads any more: the box says why */
}

static void begin(struct feed *f)
{
    f->watch = loop_watch(f->loop, f->pipe, EPOLLOUT, pump, f);
}

void feed_file(struct feed *f, int fd)
{
    f->file = fd;
    begin(f);
}

void feed_text(struct feed *f, char *text, size_t n)
{
    f->text = text;
    f->n = n;
    begin(f);
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    finish(f);
    mem_free(f->text);
    mem_free(f);
}
