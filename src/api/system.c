/* SPDX-License-Identifier: Apache-2.0 */
#include "api/system.h"

#include "base/reserve.h"
#include "domain/job.h"

static void reply(struct http_req *r, int status, const char *type, char *text)
{
    struct buf body = { text, strlen(text), strlen(text) + 1 };
    const struct http_header headers[] = { { "content-type", type }, { 0 } };

    http_reply(r, status, headers, &body);
}

static void health(struct api *a, struct http_req *r)
{
    (void)a;
    reply(r, 200, "application/json", mem_text("{\"status\":\"ok\"}\n"));
}

struct counts {
    int64_t queued, running;
};

static int count(struct db *db, void *arg, struct err *e)
{
    struct counts *c = arg;

    return job_count_open(db, &c->queued, &c->running, e);
}

/* Ready: the store answers and takes writes, and the server is not on its way out. What is asked for
 * before the walls of boxes are known is kept, and begins then. */
static void readiness(struct api *a, struct http_req *r)
{
    scoped(err_clear) struct err e = { 0 };
    bool draining = atomic_load(&a->draining);
    bool stored = store_check(a->with.store, &e) == 0;
    struct engine_state state = engine_state(a->with.engine);
    struct engine_walls walls = engine_walls(a->with.engine);
    scoped(json_decref) json_t *out = json_pack(
        "{s:s,s:s,s:s?,s:O?,s:s?,s:s?,s:s,s:i,s:i,s:i}", "status",
        draining                    ? "draining"
        : stored                    ? "ready"
        : e.code == ERR_UNAVAILABLE ? "disk failed: restart the server"
                                    : "store unavailable",
        "version", IMPRESARIO_VERSION, "sandbox", walls.level, "layers", walls.layers, "refuses",
        walls.refusal, "waits",
        walls.level ? NULL : "builds and jobs wait until the walls of boxes were tried", "network",
        a->with.network, "slots", state.slots, "busy", state.busy, "warm", state.ready);

    reply(r, draining || !stored ? 503 : 200, "application/json", json_print(out));
}

static void metric(struct buf *out, const char *name, const char *kind, const char *help,
                   const char *labels, uint64_t value)
{
    if (help)
        buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
    buf_format(out, "%s%s %llu\n", name, labels, (unsigned long long)value);
}

static void front_metrics(struct http *front, struct buf *out)
{
    struct http_stats s = http_stats(front);

    metric(out, "impresario_http_connections", "gauge", "Connections that are open.", "",
           s.connections);
    metric(out, "impresario_http_requests_under_way", "gauge",
           "Requests that have begun and are not answered yet, this one among them.", "",
           s.under_way);
    metric(out, "impresario_http_cut_total", "counter",
           "Connections closed because their clients were too slow.", "", s.cut);
    metric(out, "impresario_http_starved_total", "counter",
           "Times that there was no descriptor or memory for a new connection.", "", s.starved);
}

static void metrics(struct api *a, struct http_req *r)
{
    static const char *const classes[] = { NULL, NULL, "2xx", "3xx", "4xx", "5xx" };
    scoped(err_clear) struct err e = { 0 };
    struct engine_state state = engine_state(a->with.engine);
    struct counts counts = { 0 };
    struct buf out = { 0 };
    const char *name;
    json_t *stands;
    const char *help = "Answers of the API by class of status.";

    if (store_read(a->with.store, count, &counts, &e) < 0)
        counts = (struct counts){ 0 }; /* what the engine knows is told all the same */
    for (size_t i = 2; i < n_items(classes); i++) {
        scoped(mem_free) char *label = mem_format("{class=\"%s\"}", classes[i]);
        metric(&out, "impresario_http_answers_total", "counter", help, label,
               atomic_load(&a->answered[i]));
        help = NULL;
    }
    front_metrics(http_front(r), &out);
    metric(&out, "impresario_jobs_queued", "gauge", "Jobs that wait for a slot.", "",
           (uint64_t)counts.queued);
    metric(&out, "impresario_jobs_running", "gauge", "Jobs that have a slot.", "",
           (uint64_t)counts.running);
    metric(&out, "impresario_slots", "gauge", "Jobs that may run at once.", "",
           (uint64_t)state.slots);
    metric(&out, "impresario_slots_warm", "gauge", "Started browsers that wait for a job.", "",
           (uint64_t)state.ready);
    metric(&out, "impresario_memory_reserve_used_bytes", "gauge",
           "Of the reserve for when the system gives no memory.", "", reserve_used());
    metric(&out, "impresario_builds_running", "gauge", "Builds under way.", "",
           (uint64_t)state.building);
    timings_print(engine_timings(a->with.engine), &out);
    help = "1: this wall of the sandboxes stands. See `impresario doctor`.";
    json_object_foreach(engine_walls(a->with.engine).layers, name, stands) {
        scoped(mem_free) char *label = mem_format("{name=\"%s\"}", name);
        metric(&out, "impresario_sandbox_layer", "gauge", help, label, json_is_true(stands));
        help = NULL;
    }
    reply(r, 200, "text/plain; version=0.0.4", buf_take(&out));
}

static void openapi(struct api *a, struct http_req *r)
{
    if (!a->openapi)
        a->openapi = api_openapi();
    reply(r, 200, "application/json", mem_text(a->openapi));
}

bool system_answer(struct api *a, struct http_req *r, const char *method, const char *path)
{
    static const struct {
        const char *path;
        void (*answer)(struct api *a, struct http_req *r);
    } pages[] = { { "/healthz", health },
                  { "/readyz", readiness },
                  { "/metrics", metrics },
                  { "/openapi.json", openapi } };

    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return false;
    for (size_t i = 0; i < n_items(pages); i++) {
        if (strcmp(path, pages[i].path) == 0) {
            pages[i].answer(a, r);
            return true;
        }
    }
    return false;
}
