/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/timing.h"

/* In the order of enum timing, those of a metric together. */
static const struct {
    const char *metric, *phase, *help;
} about[TIMINGS] = {
    [BUILD_PREPARE] = { "build", "prepare", "What the steps of a build take." },
    [BUILD_INSTALL] = { "build", "install", NULL },
    [BUILD_DISCOVER] = { "build", "discover", NULL },
    [BUILD_ALL] = { "build", "all", NULL },
    [JOB_WAIT] = { "job", "wait", "What the phases of a job take; all but work is the server's." },
    [JOB_LOAD] = { "job", "load", NULL },
    [JOB_WORK] = { "job", "work", NULL },
    [JOB_RESULT] = { "job", "result", NULL },
    [JOB_SETTLE] = { "job", "settle", NULL },
    [SLOT_START] = { "slot", "start", "What it takes until a box waits for a job." },
};

void timing_note(struct timings *t, enum timing which, msec_t took)
{
    atomic_fetch_add_explicit(&t->n[which], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->ms[which], took > 0 ? (uint64_t)took : 0, memory_order_relaxed);
}

void timings_print(const struct timings *t, struct buf *out)
{
    for (int i = 0; i < TIMINGS; i++) {
        const char *metric = about[i].metric, *phase = about[i].phase;
        uint64_t n = atomic_load_explicit(&t->n[i], memory_order_relaxed);
        uint64_t ms = atomic_load_explicit(&t->ms[i], memory_order_relaxed);
        if (about[i].help)
            buf_format(out,
                       "# HELP impresario_%s_phase_seconds %s\n"
                       "# TYPE impresario_%s_phase_seconds summary\n",
                       metric, about[i].help, metric);
        buf_format(out, "impresario_%s_phase_seconds_sum{phase=\"%s\"} %llu.%03llu\n", metric,
                   phase, (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
        buf_format(out, "impresario_%s_phase_seconds_count{phase=\"%s\"} %llu\n", metric, phase,
                   (unsigned long long)n);
    }
}
