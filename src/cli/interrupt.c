/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include "base/mem.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Written before the handler is set, never after. */
static char words[512];
static size_t n_words;

static void on_signal(int signal_number)
{
    (void)!write(STDERR_FILENO, words, n_words);
    /* SA_RESETHAND: this one ends the process, and the shell sees why it ended. */
    (void)raise(signal_number);
}

/* A signal that whoever started us had ignored stays ignored. */
static void listen_to(int signal_number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESETHAND };
    struct sigaction before;

    if (sigaction(signal_number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(signal_number, &action, NULL);
}

void interrupt_says(const char *format, ...)
{
    va_list args;

    listen_to(SIGINT, SIG_DFL); /* while the words change */
    listen_to(SIGTERM, SIG_DFL);
    words[0] = '\n';
    va_start(args, format);
    int n = vsnprintf(words + 1, sizeof words - 2, format, args);
    va_end(args);
    n_words = 1 + (n < 0 ? 0 : (size_t)n < sizeof words - 2 ? (size_t)n : sizeof words - 3);
    words[n_words++] = '\n';
    listen_to(SIGINT, on_signal);
    listen_to(SIGTERM, on_signal);
}
