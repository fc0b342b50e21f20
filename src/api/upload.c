/* SPDX-License-Identifier: Apache-2.0
 *
 * An upload: the bytes of `source` go from the socket through the scanner and the decoder to a
 * temporary file, and are never held whole. When the body has ended they are made durable on a
 * thread that may wait for the disk, then the row is written, then the client hears of it.
 *
 * Few bytes are held, and become durable with the row: one commit for many uploads is what makes small
 * ones cheap.
 */
#include "api/request.h"
#include "base/bounds.h"
#include "base/schema.h"
#include "domain/deployment.h"

#include <stdio.h>

/* Before the body is read, so that nobody sends it all to be refused; create() asks again. */
static int check_queue(struct db *db, void *arg, struct err *e)
{
    const struct request *r = arg;

    return deployment_check_queue(db, r->owner.tenant.text, r->api->with.settings->queue_builds, e);
}

static int open_file(void *arg, struct err *e)
{
    struct request *r = arg;

    return blob_new(r->api->with.blobs, &r->blob, e) < 0 ? -1 : blob_fd(r->blob);
}

int upload_begin(struct request *r)
{
    scoped(err_clear) struct err e = { 0 };

    /* What is sent again may be there already: it is not refused for want of room. */
    if (!r->idempotency_key && store_read(r->api->with.store, check_queue, r, &e) < 0) {
        request_fail(r, &e);
        return -1;
    }
    r->intake = intake_new(&(struct intake_options){ .disk = store_env(r->api->with.store)->disk,
                                                     .file = open_file,
                                                     .arg = r,
                                                     .hold = LIMIT_SMALL_SOURCE });
    r->envelope = envelope_new(intake_write, r->intake);
    return 0;
}

/* A fault in the bytes of the source is an issue of that field; one around them is bad JSON. */
static void fail(struct request *r, struct err *e, bool source)
{
    if (source && e->code == ERR_INPUT) {
        if (strncmp(e->msg, "source ", 7) != 0) {
            scoped(mem_free) char *what = take(e->msg);
            err_set(e, ERR_INPUT, "source is %s", what);
        }
        issue_custom(r->issues, "source", e->msg);
    }
    request_fail(r, e);
}

int upload_chunk(struct request *r, const void *data, size_t n)
{
    scoped(err_clear) struct err e = { 0 };

    if (envelope_feed(r->envelope, data, n, &e) == 0)
        return 0;
    fail(r, &e, envelope_blames_source(r->envelope));
    return -1;
}

/* On a thread of the disk pool. */
static void make_durable(void *arg)
{
    struct request *r = arg;
    scoped(err_clear) struct err e = { 0 };

    if (blob_keep(take(r->blob), r->upload.key, &e) < 0)
        request_fail(r, &e);
    else
        request_run(r);
}

void upload_complete(struct request *r)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *document = NULL;
    struct intake_result taken = { 0 };

    if (envelope_finish(r->envelope, &document, &e) < 0) {
        fail(r, &e, envelope_blames_source(r->envelope));
        return;
    }
    if (strcmp(envelope_source_type(r->envelope), "string") == 0) {
        if (intake_finish(r->intake, &taken, &e) < 0) {
            fail(r, &e, true);
            return;
        }
        /* The schema wants a text that is not empty; the real one is on disk. */
        json_object_set_new(json_object_get(document, "json"), "source", json_string("streamed"));
    }
    r->upload.size = (int64_t)taken.size;
    snprintf(r->upload.digest, sizeof r->upload.digest, "%s", taken.sha256_text);
    if (!request_take(r, take(document)))
        return;
    r->upload.deployment = id_new(store_env(r->api->with.store));
    r->upload.key = mem_format("deployments/%s/source.tar.gz", r->upload.deployment.text);
    r->upload.held = intake_held(r->intake);
    if (r->upload.held)
        request_run(r);
    else
        pool_run(r->api->disk, make_durable, r);
}

void upload_written(struct request *r, int state, const struct err *e)
{
    bool may_be_named = state < 0 ? e->code == ERR_IO /* of a commit, which may be on disk */
                                  : r->handled;

    if (!may_be_named && !r->upload.held)
        blob_delete(r->api->with.blobs, r->upload.key);
}

void upload_done(struct request *r)
{
    envelope_free(r->envelope);
    intake_free(r->intake);
    blob_free(r->blob);
    mem_free(r->upload.key);
}
