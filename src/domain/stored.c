/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/stored.h"

#include "base/id.h"

int stored_each(struct db *db, stored_fn fn, void *arg, struct err *e)
{
    static const struct stmt EACH = {
        "stored.each", "SELECT 'blobs/' || source_key FROM deployment WHERE source_key IS NOT NULL"
                       "  AND id NOT IN (SELECT deployment_id FROM deployment_source)"
                       " UNION SELECT 'blobs/' || blob_key FROM bundle"
                       " UNION SELECT 'blobs/' || screenshot_key FROM job"
                       "  WHERE screenshot_key IS NOT NULL"
                       " UNION SELECT 'blobs/' || html_key FROM job WHERE html_key IS NOT NULL"
                       " UNION SELECT 'layers/' || digest FROM layer"
    };
    scoped(rows_free) struct rows *r = db_query(db, &EACH);
    int more;

    while ((more = rows_next(r, e)) > 0) {
        if (fn(arg, row_text(r, 0), e) < 0)
            return -1;
    }
    return more;
}

int stored_resume_ids(struct db *db, struct err *e)
{
    static const struct stmt LARGEST = {
        "stored.largest_id",
        "SELECT max(id) FROM (SELECT max(id) AS id FROM deployment"
        " UNION ALL SELECT max(id) FROM workflow UNION ALL SELECT max(id) FROM job"
        " UNION ALL SELECT max(id) FROM ai_build UNION ALL SELECT max(id) FROM credential) AS ids"
    };
    scoped(rows_free) struct rows *r = db_query(db, &LARGEST);

    if (rows_next(r, e) != 1)
        return -1;
    if (row_text(r, 0))
        id_resume(row_text(r, 0));
    return 0;
}
