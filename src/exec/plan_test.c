/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan_private.h"

#include "base/json.h"
#include "exec/bwrap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan_limits limits = {
    .net = PLAN_NET_HOST, .memory_mib = 512, .pids = 64, .work_mib = 128, .cpu_percent = 150
};

static struct plan *a_plan(void)
{
    struct plan *p = plan_new("install", &limits);

    plan_arg(p, PLAN_NODE);
    plan_arg(p, PLAN_RUNNER "/install.mjs");
    plan_env(p, "TZ", "UTC");
    plan_bind_ro(p, "/data/layers/1", PLAN_MODULES);
    plan_bind_rw(p, "/data/staging/2", "/out");
    plan_symlink(p, "../x", PLAN_APP "/y");
    plan_fd(p, open("/dev/null", O_RDONLY | O_CLOEXEC), 5);
    plan_fd(p, open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    return p;
}

static const char printed[] =
    "{\"name\":\"install\",\"net\":\"host\",\"memory_mib\":512,\"pids\":64,\"work_mib\":128,"
    "\"file_mib\":128,\"cpu_percent\":150,\"browser\":false,\"basic\":false,"
    "\"args\":[\"" PLAN_NODE "\",\"" PLAN_RUNNER "/install.mjs\"],\"env\":{\"TZ\":\"UTC\"},"
    "\"binds\":[{\"host\":\"/data/layers/1\",\"inside\":\"/work/node_modules\",\"write\":false},"
    "{\"host\":\"/data/staging/2\",\"inside\":\"/out\",\"write\":true}],"
    "\"links\":[{\"target\":\"../x\",\"at\":\"/work/app/y\"}],\"fds\":[0,5]}";

static void a_plan_can_be_printed(void **state)
{
    scoped(plan_free) struct plan *p = a_plan();
    scoped(buf_done) struct buf text = { 0 };

    (void)state;
    plan_print(p, &text);
    assert_string_equal(text.data, printed);
}

static void what_is_printed_is_the_plan(void **state)
{
    scoped(plan_free) struct plan *p = NULL;
    scoped(json_decref) json_t *value = NULL;
    scoped(err_clear) struct err e = { 0 };
    scoped(buf_done) struct buf text = { 0 };

    (void)state;
    assert_int_equal(json_parse(printed, strlen(printed), 8, &value, &e), 0);
    assert_int_equal(plan_from_json(value, &p, &e), 0);
    plan_fd(p, open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    plan_fd(p, open("/dev/null", O_RDONLY | O_CLOEXEC), 5);
    plan_print(p, &text);
    assert_string_equal(text.data, printed);
}

static void what_is_not_a_plan_is_refused(void **state)
{
    static const char *const texts[] = { "{}", "[]", "{\"name\":\"x\",\"net\":\"moon\"}",
                                         "{\"name\":\"x\",\"net\":\"none\",\"args\":[\"/a\"]}" };

    (void)state;
    for (size_t i = 0; i < n_items(texts); i++) {
        scoped(json_decref) json_t *value = NULL;
        scoped(err_clear) struct err e = { 0 };
        struct plan *p = NULL;
        assert_int_equal(json_parse(texts[i], strlen(texts[i]), 8, &value, &e), 0);
        assert_int_equal(plan_from_json(value, &p, &e), -1);
        assert_null(p);
    }
}

/* The arguments as one line. */
static void call_text(const struct plan *p, uid_t basic_uid, struct buf *out, size_t *n_files)
{
    static const char *const binds[] = { "/tmp/2", "/tmp/3" };
    const struct bwrap_sources from = {
        .program = "/tmp/0", .runner = "/tmp/1", .binds = binds, .basic_uid = basic_uid
    };
    scoped(bwrap_call_done) struct bwrap_call call = { 0 };
    scoped(buf_done) struct buf filter = { 0 };
    scoped(buf_done) struct buf box = { 0 };

    buf_text(&filter, "filter");
    buf_text(&box, "box");
    bwrap_call(p, &from, &filter, &box, 10, &call);
    for (size_t i = 0; i < call.args.n; i++)
        buf_char(out, (char)(call.args.data[i] ? call.args.data[i] : ' '));
    *n_files = call.n_files;
    assert_memory_equal(call.files[call.n_files - 1].data, "filter", 6);
}

static void the_box_of_a_plan_has_its_walls(void **state)
{
    static const char *const walls[] = {
        "--unshare-user --disable-userns --uid 1000 --gid 1000 --unshare-pid --unshare-ipc ",
        "--unshare-uts --unshare-cgroup ",
        "--die-with-parent --as-pid-1 --cap-drop ALL ",
        "--ro-bind /tmp/0 /opt/impresario/bin/impresario ",
        "--ro-bind /tmp/1 /opt/impresario/runner ",
        "--perms 0755 --size 134217728 --tmpfs /work ",
        "--ro-bind /tmp/2 /work/node_modules ",
        "--bind /tmp/3 /out ",
        "--symlink ../x /work/app/y ",
        "--remount-ro /dev --remount-ro / --chdir / --seccomp 14 ",
    };
    scoped(plan_free) struct plan *p = a_plan();
    scoped(buf_done) struct buf text = { 0 };
    size_t n_files;

    (void)state;
    call_text(p, 0, &text, &n_files);
    assert_int_equal(n_files, 5); /* passwd, group, nsswitch.conf, the box's program, the filter */
    for (size_t i = 0; i < n_items(walls); i++) {
        if (!strstr(buf_str(&text), walls[i]))
            fail_msg("%s is not in %s", walls[i], text.data);
    }
    assert_null(strstr(buf_str(&text), "--unshare-net"));
    assert_null(strstr(buf_str(&text), "/node_modules/playwright")); /* the layer has it */
}

static void without_user_namespaces_it_is_root_that_makes_the_others(void **state)
{
    static const char *const walls[] = {
        "--unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup ",
        ("--as-pid-1 --cap-drop ALL --cap-add CAP_CHOWN --cap-add CAP_SETGID --cap-add CAP_SETUID "
         "--cap-add CAP_SETPCAP --perms "),
        "--remount-ro /dev --remount-ro / --chdir / --seccomp 14 ",
    };
    scoped(plan_free) struct plan *p = a_plan();
    scoped(buf_done) struct buf text = { 0 };
    size_t n_files;

    (void)state;
    call_text(p, 60706, &text, &n_files);
    for (size_t i = 0; i < n_items(walls); i++) {
        if (!strstr(buf_str(&text), walls[i]))
            fail_msg("%s is not in %s", walls[i], text.data);
    }
    assert_null(strstr(buf_str(&text), "user"));
    assert_null(strstr(buf_str(&text), "id 1000"));
}

static void a_plan_without_layer_has_playwright(void **state)
{
    struct plan_limits l = limits;
    l.net = PLAN_NET_NONE;
    l.browser = true;
    scoped(plan_free) struct plan *p = plan_new("slot", &l);
    scoped(buf_done) struct buf text = { 0 };
    size_t n_files;

    (void)state;
    plan_arg(p, PLAN_NODE);
    call_text(p, 0, &text, &n_files);
    assert_non_null(strstr(buf_str(&text), "--symlink " PLAN_RUNNER "/node_modules/playwright-core "
                                           "/work/node_modules/playwright-core "));
    assert_non_null(strstr(buf_str(&text), "--unshare-net "));
    assert_null(strstr(buf_str(&text), "--disable-userns"));
    assert_null(strstr(buf_str(&text), "resolv.conf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_can_be_printed),
        cmocka_unit_test(what_is_printed_is_the_plan),
        cmocka_unit_test(what_is_not_a_plan_is_refused),
        cmocka_unit_test(the_box_of_a_plan_has_its_walls),
        cmocka_unit_test(without_user_namespaces_it_is_root_that_makes_the_others),
        cmocka_unit_test(a_plan_without_layer_has_playwright),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
