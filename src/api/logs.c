/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"
#include "api/token.h"
#include "base/schema.h"

#include "domain/log_line.h"

#include <stdio.h>
#include <stdlib.h>

/* One more than was asked for is looked up: it tells whether there is another page. */
struct page {
    json_t *lines;
    int64_t limit, last;
    bool more;
};

static void add_line(void *arg, const struct job_log *line)
{
    struct page *p = arg;

    p->more = (int64_t)json_array_size(p->lines) == p->limit;
    if (p->more)
        return;
    json_t *out = json_object();

    json_object_set_new(out, "jobId", json_string(line->job));
    json_object_set_new(out, "workflow", json_string(line->workflow));
    json_object_set_new(out, "level", json_string(line->level));
    json_object_set_new(out, "message", json_string(line->message));
    json_object_set_new(out, "timestamp", json_time(line->at));
    json_array_append_new(p->lines, out);
    p->last = line->id;
}

/* A token continues one query: it carries a mark of the filters that it was given for. */
static uint32_t filter_mark(const struct job_log_filter *f)
{
    const char *const parts[] = { f->job, f->workflow, f->level };
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < n_items(parts); i++) {
        for (const char *at = parts[i] ? parts[i] : "\1"; *at; at++)
            hash = (hash ^ (unsigned char)*at) * 16777619U;
        hash = (hash ^ 0xffU) * 16777619U;
    }
    return hash;
}

static int read_token(struct call *c, struct job_log_filter *f, struct err *e)
{
    const char *token = json_text(c->input, "pageToken");
    uint32_t mark;
    int64_t cursor;

    if (!token)
        return 0;
    if (!token_parse(token, &mark, &cursor)) {
        issue_custom(c->issues, "pageToken", "Invalid page token");
        return err_set(e, ERR_INPUT, "The pageToken is not one that this route gave out");
    }
    if (mark != filter_mark(f)) {
        issue_custom(c->issues, "pageToken", "The page token belongs to other filters");
        return err_set(e, ERR_INPUT,
                       "The pageToken belongs to a query with other filters: keep them, or start "
                       "anew without a token");
    }
    f->cursor = cursor;
    return 0;
}

static int list(struct call *c, struct db *db, json_t **out, struct err *e)
{
    enum { DEFAULT_LIMIT = 100 };
    struct job_log_filter filter = {
        .tenant = c->tenant,
        .job = json_text(c->input, "jobId"),
        .workflow = json_text(c->input, "workflow"),
        .level = json_text(c->input, "level"),
        .limit = json_int(c->input, "limit", DEFAULT_LIMIT) + 1,
    };
    struct page page = { .lines = json_array(), .limit = filter.limit - 1 };
    char token[TOKEN_SIZE];
    int64_t stopped;

    *out = json_object();
    json_object_set_new(*out, "logs", page.lines);
    if (read_token(c, &filter, e) < 0 ||
        job_log_each(db, &filter, add_line, &page, &stopped, e) < 0)
        return -1;
    token_text(filter_mark(&filter), page.more ? page.last : stopped, token);
    json_object_set_new(*out, "nextPageToken",
                        page.more || stopped ? json_string(token) : json_null());
    return 0;
}

const struct route log_routes[] = {
    { ROUTE_READ, "/v1/logs/list", list },
    { 0 },
};
