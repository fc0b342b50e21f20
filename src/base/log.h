/* SPDX-License-Identifier: Apache-2.0
 *
 * One log line is one event with fields:
 *     {"time":"...","level":"info","event":"job.claimed","job":"...","wait_ms":12}
 * to stderr (or, for people at a terminal, the same as `12:03:01 job.claimed job=... wait_ms=12`).
 * Secrets are never given to it; control characters are escaped. Whoever reads a pipe and stops does
 * not stop the server: lines that find no room are lost, and counted by `log.lost` when there is some.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name;
    enum { LOG_TEXT, LOG_INT } kind;
    const char *text; /* NULL prints as null */
    int64_t number;
};

#define F_TEXT(name, value)      \
    {                            \
        name, LOG_TEXT, value, 0 \
    }
#define F_INT(name, value)                    \
    {                                         \
        name, LOG_INT, NULL, (int64_t)(value) \
    }

/* log_event(LOG_INFO, "job.claimed", F_TEXT("job", id), F_INT("wait_ms", 12)); */
#define log_event(level, event, ...) \
    log_write(level, event, &((const struct log_field[]){ { 0 }, ##__VA_ARGS__, { 0 } })[1])

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* Lines below `least` are dropped; `json` chooses the form. */
void log_setup(enum log_level least, bool json);
/* How long a reader that is behind gets to make room, once; a second if nothing is said. */
void log_patience(int ms);
bool log_level_parse(const char *text, enum log_level *out);

#endif
