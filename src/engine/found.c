/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/found.h"

#include "base/bounds.h"
#include "domain/profile.h"

enum { MOST_WORKFLOWS = 1000, MOST_NAMES = 200, LONGEST_URL = 8192 };

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static bool name_valid(const char *name)
{
    bool blank = true;

    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        if (*at < 0x20 || *at == 0x7f)
            return false;
        blank = blank && *at == ' ';
    }
    return !blank && characters(name) <= LIMIT_NAME;
}

/* The strings of an array, each bounded; anything else in it is dropped. */
static json_t *strings(const json_t *array, size_t longest)
{
    json_t *out = json_array();
    size_t i;
    const json_t *value;

    json_array_foreach(array, i, value) {
        if (json_is_string(value) && json_string_length(value) <= longest &&
            json_array_size(out) < MOST_NAMES)
            json_array_append_new(out, json_string(json_string_value(value)));
    }
    return out;
}

static json_t *object_or_null(const json_t *value)
{
    return json_is_object(value) ? json_incref(json_shared(value)) : json_null();
}

static int viewport(const json_t *from, const char *name, json_t **out, struct err *e)
{
    int64_t width = json_int(from, "width", 0), height = json_int(from, "height", 0);

    if (!json_is_object(from)) {
        *out = json_null();
        return 0;
    }
    if (width < 1 || height < 1 || width > 16384 || height > 16384)
        return err_set(e, ERR_INPUT,
                       "Workflow \"%s\" declares an illegal viewport: width and height are whole "
                       "numbers from 1 to 16384",
                       name);
    *out = json_pack("{s:I,s:I}", "width", width, "height", height);
    return 0;
}

static int workflow(const json_t *from, json_t **out, struct err *e)
{
    const char *name = json_text(from, "name");
    const char *profile = json_text(from, "auth_profile");
    const char *url = json_text(from, "start_url");
    json_t *view = NULL;

    if (!name || !name_valid(name))
        return err_set(e, ERR_INPUT,
                       "A workflow has an illegal name: a name has 1 to %d characters, none of "
                       "them a control character, and is not blank",
                       LIMIT_NAME);
    if (url && strlen(url) > LONGEST_URL)
        return err_set(e, ERR_INPUT, "Workflow \"%s\" declares a startUrl longer than %d bytes",
                       name, LONGEST_URL);
    if (viewport(json_object_get(from, "viewport"), name, &view, e) < 0)
        return -1;
    *out = json_object();
    json_object_set_new(*out, "name", json_string(name));
    json_object_set_new(*out, "input_schema",
                        object_or_null(json_object_get(from, "input_schema")));
    json_object_set_new(*out, "output_schema",
                        object_or_null(json_object_get(from, "output_schema")));
    json_object_set_new(*out, "credential_names",
                        strings(json_object_get(from, "credential_names"), 128));
    json_object_set_new(*out, "auth_profile",
                        json_or_null(profile && profile_name_valid(profile) ? profile : NULL));
    json_object_set_new(*out, "auth_profile_refresh",
                        json_boolean(json_bool(from, "auth_profile_refresh", false)));
    json_object_set_new(*out, "start_url", json_or_null(url));
    json_object_set_new(*out, "viewport", view);
    json_object_set_new(*out, "gpu", json_boolean(json_bool(from, "gpu", false)));
    json_object_set_new(*out, "inject_job_auth",
                        json_boolean(json_bool(from, "inject_job_auth", false)));
    json_object_set_new(*out, "source_files",
                        strings(json_object_get(from, "source_files"), LIMIT_PATH));
    return 0;
}

int found_workflows(const json_t *frame, json_t **out, struct err *e)
{
    const json_t *list = json_object_get(frame, "workflows");
    scoped(json_decref) json_t *all = json_array();
    scoped(json_decref) json_t *names = json_object();
    size_t i;
    const json_t *value;

    if (json_array_size(list) == 0)
        return err_set(e, ERR_INPUT, "No workflows were found in the deployment");
    if (json_array_size(list) > MOST_WORKFLOWS)
        return err_set(e, ERR_INPUT, "%zu workflows in one deployment are more than %d: split it",
                       json_array_size(list), MOST_WORKFLOWS);
    json_array_foreach(list, i, value) {
        json_t *one = NULL;
        if (workflow(value, &one, e) < 0)
            return -1;
        json_array_append_new(all, one);
        const char *name = json_text(one, "name");
        if (json_object_get(names, name))
            return err_set(e, ERR_INPUT, "Duplicate workflow name: \"%s\"", name);
        json_object_set_new(names, name, json_true());
    }
    *out = take(all);
    return 0;
}
