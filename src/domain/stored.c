/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/stored.h"

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
