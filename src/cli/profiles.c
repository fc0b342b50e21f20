/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"
#include "cli/verb.h"

static int profiles_list(struct call *c, struct err *e)
{
    static const char *const headings[] = { "PROFILE", "UPDATED", NULL };
    scoped(json_decref) json_t *answer = NULL;
    scoped(table_free) struct table *t = table_new(headings);
    const json_t *profile;
    size_t i;

    if (api_call(c->api, "/v1/browserProfiles/list", NULL, &answer, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, json_object_get(answer, "profiles"));
        return EXIT_FINE;
    }
    json_array_foreach(json_object_get(answer, "profiles"), i, profile) {
        scoped(mem_free) char *updated = ago(c, profile, "updated_at");
        table_cell(t, STYLE_BOLD, json_text(profile, "name"));
        table_cell(t, STYLE_PLAIN, updated);
    }
    table_print(t, &c->screen.out);
    return EXIT_FINE;
}

static int profiles_delete(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;

    if (api_call(c->api, "/v1/browserProfiles/delete", json_pack("{s:s}", "name", c->words[0]),
                 &answer, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c))
        print_json(c, answer);
    if (json_int(answer, "deleted_count", 0) == 0) {
        err_set(e, ERR_NOT_FOUND, "there is no profile \"%s\"", c->words[0]);
        return EXIT_OUTCOME;
    }
    if (!wants_json(c))
        (void)fprintf(c->screen.out.file, "Deleted %s\n", c->words[0]);
    return EXIT_FINE;
}

const struct verb profiles_verbs[] = {
    { "list", { .operands = "", .what = "Show stored browser profiles" }, profiles_list },
    { "delete",
      { .operands = "NAME", .least = 1, .most = 1, .what = "Delete one, with its signed-in state" },
      profiles_delete },
    { 0 },
};
