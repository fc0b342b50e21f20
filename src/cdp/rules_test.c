/* SPDX-License-Identifier: Apache-2.0 */
#include "cdp/rules.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct cdp_rules rules = { .shared = "/work/shared" };

static enum cdp_verdict judge(const struct cdp_rules *r, const char *method, const char *params,
                              char **why, json_t **files)
{
    scoped(mem_free) char *text =
        mem_format("{\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
    struct cdp_scan s;
    const char *fault;
    size_t used;

    cdp_scan_init(&s, 1000);
    assert_int_equal(cdp_scan(&s, text, strlen(text) + 1, &used, &fault), 1);
    return cdp_judge(r, &s, text, why, files);
}

static void what_drives_pages_passes(void **state)
{
    static const char *const passes[][2] = {
        { "Page.enable", "{}" },
        { "Runtime.callFunctionOn", "{\"url\":\"file:///etc\"}" },
        { "Page.navigate", "{\"url\":\"https://example.org/\"}" },
        { "Page.navigate", "{\"url\":\"HTTP://example.org/\"}" },
        { "Page.navigate", "{\"url\":\"about:blank\"}" },
        { "Page.navigate", "{\"url\":\"data:text/html,x\"}" },
        { "Target.createTarget", "{\"url\":\"\",\"browserContextId\":\"A\"}" },
        { "Fetch.continueRequest", "{\"requestId\":\"1\"}" },
        { "Browser.setDownloadBehavior", "{\"behavior\":\"deny\"}" },
        { "Browser.setDownloadBehavior", "{\"downloadPath\":\"/work/shared\"}" },
        { "Page.setDownloadBehavior", "{\"downloadPath\":\"/work/shared/a/..b\"}" },
        { "Input.dispatchDragEvent", "{\"data\":{\"items\":[],\"files\":[\"/work/shared/a\"]}}" },
        { "DOM.setFileInputFiles", "{}" },
        { "Browser.close", "{}" },
        { "Browser.crash", "{}" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(passes); i++) {
        char *why = NULL;
        json_t *files = NULL;
        if (judge(&rules, passes[i][0], passes[i][1], &why, &files) != CDP_PASS)
            fail_msg("%s %s: %s", passes[i][0], passes[i][1], why);
    }
}

static void what_leads_further_is_refused_with_its_name(void **state)
{
    static const char *const refused[][2] = {
        { "Page.navigate", "{\"url\":\"file:///etc/passwd\"}" },
        { "Page.navigate", "{\"url\":\"FILE:///etc/passwd\"}" },
        { "Page.navigate", "{\"url\":\" file:///etc/passwd\"}" },
        { "Page.navigate", "{\"url\":\"chrome://settings\"}" },
        { "Page.navigate", "{\"url\":\"chrome://sandbox\"}" },
        { "Page.navigate", "{\"url\":\"about:version\"}" },
        { "Page.navigate", "{\"url\":\"view-source:file:///etc\"}" },
        { "Page.navigate", "{\"url\":\"ht\\ntp:x\"}" },
        { "Page.navigate", "{\"url\":1}" },
        { "Page.navigate", "{\"url\":\"http:x\",\"url\":\"file:///\"}" },
        { "Page.navigate", "{\"url\":\"http:\xff\"}" },
        { "Page.navigate", "[]" },
        { "Target.createTarget", "{\"url\":\"devtools://x\"}" },
        { "Fetch.continueRequest", "{\"url\":\"file:///etc/passwd\"}" },
        { "Network.loadNetworkResource", "{\"url\":\"file:///etc/passwd\"}" },
        { "Page.setDownloadBehavior", "{\"downloadPath\":7}" },
        { "Input.dispatchDragEvent", "{\"data\":{\"files\":[\"/etc/passwd\"]}}" },
        { "Browser.executeBrowserCommand", "{}" },
        { "Target.exposeDevToolsProtocol", "{}" },
        { "Target.sendMessageToTarget", "{}" },
        { "SystemInfo.getInfo", "{}" },
        { "Tethering.bind", "{\"port\":1}" },
        { "Extensions.loadUnpacked", "{}" },
        { "Browser", "{}" },
        { "browser.close", "{}" },
        { "", "{}" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(refused); i++) {
        scoped(mem_free) char *why = NULL;
        json_t *files = NULL;
        if (judge(&rules, refused[i][0], refused[i][1], &why, &files) != CDP_REFUSE)
            fail_msg("%s %s", refused[i][0], refused[i][1]);
        assert_int_equal(strncmp(why, refused[i][0], strlen(refused[i][0])), 0);
    }
}

static void files_are_to_be_brought(void **state)
{
    char *why = NULL;
    json_t *files = NULL;

    (void)state;
    assert_int_equal(judge(&rules, "DOM.setFileInputFiles",
                           "{\"objectId\":\"x\",\"files\":[\"/work/app/a\"]}", &why, &files),
                     CDP_FILES);
    const json_t *list = json_object_get(json_object_get(files, "params"), "files");
    assert_string_equal(json_string_value(json_array_get(list, 0)), "/work/app/a");
    json_decref(files);
}

static void a_folder_of_the_jobs_is_to_be_placed(void **state)
{
    static const char *const folders[] = { "/work/home", "/work/shared/../home", "/work/shared/..",
                                           "/work/sharedmore", "" };

    (void)state;
    for (size_t i = 0; i < n_items(folders); i++) {
        scoped(mem_free) char *params = mem_format("{\"downloadPath\":\"%s\"}", folders[i]);
        scoped(json_decref) json_t *command = NULL;
        char *why = NULL;
        assert_int_equal(judge(&rules, "Browser.setDownloadBehavior", params, &why, &command),
                         CDP_PLACE);
        assert_string_equal(json_text(json_object_get(command, "params"), "downloadPath"),
                            folders[i]);
    }
}

static void the_canary_may_look_at_the_sandbox(void **state)
{
    const struct cdp_rules probe = { .shared = "/work/shared", .probe = true };
    char *why = NULL;
    json_t *files = NULL;

    (void)state;
    assert_int_equal(judge(&probe, "Page.navigate", "{\"url\":\"chrome://sandbox\"}", &why, &files),
                     CDP_PASS);
}

static void switches_take_no_wall_away(void **state)
{
    (void)state;
    assert_int_equal(cdp_judge_switch("--lang=de"), CDP_SWITCH_PASS);
    assert_int_equal(cdp_judge_switch("--headless"), CDP_SWITCH_PASS);
    assert_int_equal(cdp_judge_switch("about:blank"), CDP_SWITCH_PASS);
    assert_int_equal(cdp_judge_switch("--no-sandbox"), CDP_SWITCH_DROP);
    assert_int_equal(cdp_judge_switch("--user-data-dir=/x"), CDP_SWITCH_DROP);
    assert_int_equal(cdp_judge_switch("--remote-debugging-port=1"), CDP_SWITCH_REFUSE);
    assert_int_equal(cdp_judge_switch("--renderer-cmd-prefix=/bin/sh"), CDP_SWITCH_REFUSE);
    assert_int_equal(cdp_judge_switch("--load-extension=/x"), CDP_SWITCH_REFUSE);
    assert_int_equal(cdp_judge_switch("--single-process"), CDP_SWITCH_REFUSE);
    assert_int_equal(cdp_judge_switch("-lang=de"), CDP_SWITCH_REFUSE);
    assert_int_equal(cdp_judge_switch("file:///etc/passwd"), CDP_SWITCH_REFUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_drives_pages_passes),
        cmocka_unit_test(what_leads_further_is_refused_with_its_name),
        cmocka_unit_test(files_are_to_be_brought),
        cmocka_unit_test(a_folder_of_the_jobs_is_to_be_placed),
        cmocka_unit_test(the_canary_may_look_at_the_sandbox),
        cmocka_unit_test(switches_take_no_wall_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
