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

void interrupt_says(const char *format, ...)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
    struct sigaction none = { .sa_handler = SIG_DFL };
    va_list args;

    (void)sigaction(SIGINT, &none, NULL);
    (void)sigaction(SIGTERM, &none, NULL);
    words[0] = '\n';
    va_start(args, format);
    int n = vsnprintf(words + 1, sizeof words - 2, format, args);
    va_end(args);
    n_words = 1 + (n < 0 ? 0 : (size_t)n < sizeof words - 2 ? (size_t)n : sizeof words - 3);
    words[n_words++] = '\n';

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}
