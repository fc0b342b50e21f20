/* SPDX-License-Identifier: Apache-2.0
 *
 * Domains are a list of what is allowed: they are few, and what a new one can do nobody knows yet.
 * Within them, methods that go further than a page are refused, and those that name a path or an
 * address are looked into. Nothing else is parsed.
 */
#include "cdp/rules.h"

#include <strings.h>

/* ---- methods ---- */

/* clang-format off */
static const char *const domains[] = {
    "Accessibility", "Animation", "Audits", "Autofill", "BackgroundService", "BluetoothEmulation",
    "Browser", "CacheStorage", "Console", "CSS", "DOM", "DOMDebugger", "DOMSnapshot", "DOMStorage",
    "Debugger", "DeviceAccess", "DeviceOrientation", "Emulation", "EventBreakpoints", "FedCm", "Fetch",
    "HeadlessExperimental", "HeapProfiler", "IO", "IndexedDB", "Input", "Inspector", "LayerTree", "Log",
    "Media", "Memory", "Network", "Overlay", "Page", "Performance", "PerformanceTimeline", "Preload",
    "Profiler", "Runtime", "Schema", "Security", "ServiceWorker", "Storage", "Target", "Tracing",
    "WebAudio", "WebAuthn",
};
/* clang-format on */

static const struct {
    const char *method, *why;
} refused[] = {
    { "Browser.executeBrowserCommand", "it commands the browser's own windows" },
    { "Page.setRPHRegistrationMode", "it registers handlers of links" },
    { "Target.exposeDevToolsProtocol", "it would give this protocol to a page" },
    { "Target.openDevTools", "it opens a page of the browser's own" },
    { "Target.sendMessageToTarget", "use a session: attach with `flatten`" },
    { "Target.setRemoteLocations", "it looks for other browsers" },
};

/* NULL: it may pass; else why not. */
typedef char *(*look_fn)(const struct cdp_rules *r, const json_t *params);

static bool is_below(const char *folder, const char *path)
{
    size_t n = strlen(folder);

    return strncmp(folder, path, n) == 0 && (path[n] == '\0' || path[n] == '/') &&
           !strstr(path, "/../") && !strstr(path, "/./") &&
           (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

/* Pages of chrome:, which about: leads to as well, are programs with the rights of the browser's own
 * process, and files are the box's. */
static char *look_at_address(const struct cdp_rules *r, const json_t *params)
{
    static const char *const schemes[] = { "http:", "https:", "about:blank", "data:", "blob:", "" };
    const json_t *value = json_object_get(params, "url");
    const char *url = json_string_value(value);

    if (!value)
        return NULL;
    if (!url)
        return mem_text("url is no text");
    for (size_t i = 0; i < n_items(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (n > 0 ? strncasecmp(url, schemes[i], n) == 0 : *url == '\0')
            return NULL;
    }
    if (r->probe && (strcmp(url, "chrome://sandbox") == 0 || strcmp(url, "chrome://sandbox/") == 0))
        return NULL;
    if (strncasecmp(url, "file:", 5) == 0)
        return mem_text("the browser has no files of the job's: use page.setContent(), or serve "
                        "them at localhost");
    return mem_text("url has a scheme that a job cannot open; http, https, data, blob and "
                    "about:blank are those that it can");
}

/* What a mouse that drags carries. */
static char *look_at_drag(const struct cdp_rules *r, const json_t *params)
{
    const json_t *files = json_object_get(json_object_get(params, "data"), "files");
    const json_t *file;
    size_t i;

    json_array_foreach(files, i, file) {
        if (!json_is_string(file) || !is_below(r->shared, json_string_value(file)))
            return mem_format("data.files names one outside of %s", r->shared);
    }
    return NULL;
}

static const struct {
    const char *method;
    look_fn look; /* NULL: it names files or a folder of the sender's */
} looked_into[] = {
    { "Browser.setDownloadBehavior", NULL },
    { "DOM.setFileInputFiles", NULL },
    { "Fetch.continueRequest", look_at_address },
    { "Input.dispatchDragEvent", look_at_drag },
    { "Network.loadNetworkResource", look_at_address },
    { "Page.navigate", look_at_address },
    { "Page.setDownloadBehavior", NULL },
    { "Target.createTarget", look_at_address },
};

static bool has_known_domain(const char *method)
{
    size_t n = strcspn(method, ".");

    for (size_t i = 0; i < n_items(domains) && method[n] == '.'; i++) {
        if (strlen(domains[i]) == n && memcmp(domains[i], method, n) == 0)
            return true;
    }
    return false;
}

static enum cdp_verdict refuse(char **why, char *reason)
{
    *why = reason;
    return CDP_REFUSE;
}

/* Parsed whole, because that is when jansson refuses what Chromium might read in another way. */
static enum cdp_verdict look(const struct cdp_rules *r, look_fn fn, const struct cdp_scan *s,
                             const char *text, char **why, json_t **command)
{
    scoped(json_decref) json_t *message = json_loadb(text, s->n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *params = json_object_get(message, "params");

    if (!message || (params && !json_is_object(params)))
        return refuse(why, mem_text("params cannot be read: invalid UTF-8, or a member twice"));
    if (fn) {
        *why = fn(r, params);
        return *why ? CDP_REFUSE : CDP_PASS;
    }
    bool has_files = json_is_array(json_object_get(params, "files"));
    const json_t *place = json_object_get(params, "downloadPath");
    if (place && !json_is_string(place))
        return refuse(why, mem_text("downloadPath is no text"));
    if (!has_files && (!place || is_below(r->shared, json_string_value(place))))
        return CDP_PASS; /* what else is wrong with it, the browser answers */
    *command = take(message);
    return has_files ? CDP_FILES : CDP_PLACE;
}

enum cdp_verdict cdp_judge(const struct cdp_rules *r, const struct cdp_scan *s, const char *text,
                           char **why, json_t **command)
{
    if (!has_known_domain(s->method))
        return refuse(why, mem_format("%s is not for jobs: its domain is not among those that "
                                      "drive pages",
                                      *s->method ? s->method : "a message without a method"));
    for (size_t i = 0; i < n_items(refused); i++) {
        if (strcmp(s->method, refused[i].method) == 0)
            return refuse(why, mem_format("%s is not for jobs: %s", s->method, refused[i].why));
    }
    for (size_t i = 0; i < n_items(looked_into); i++) {
        scoped(mem_free) char *reason = NULL;
        if (strcmp(s->method, looked_into[i].method) != 0)
            continue;
        enum cdp_verdict v = look(r, looked_into[i].look, s, text, &reason, command);
        return v == CDP_REFUSE ? refuse(why, mem_format("%s: %s", s->method, reason)) : v;
    }
    return CDP_PASS;
}

/* ---- switches ---- */

/* What Playwright 1.65 says by itself, what Debian's wrapper adds, and what authors ask for. Whatever
 * starts a program, opens a port, reads a file or takes a wall away is not here. */
static const char *const switches[] = {
    "accept-lang",
    "allow-insecure-localhost",
    "allow-pre-commit-input",
    "allow-running-insecure-content",
    "autoplay-policy",
    "blink-settings",
    "disable-2d-canvas-clip-aa",
    "disable-accelerated-2d-canvas",
    "disable-back-forward-cache",
    "disable-background-networking",
    "disable-background-timer-throttling",
    "disable-backgrounding-occluded-windows",
    "disable-blink-features",
    "disable-breakpad",
    "disable-client-side-phishing-detection",
    "disable-component-extensions-with-background-pages",
    "disable-component-update",
    "disable-default-apps",
    "disable-dev-shm-usage",
    "disable-domain-reliability",
    "disable-edgeupdater",
    "disable-extensions",
    "disable-features",
    "disable-field-trial-config",
    "disable-font-subpixel-positioning",
    "disable-gpu",
    "disable-hang-monitor",
    "disable-http2",
    "disable-infobars",
    "disable-ipc-flooding-protection",
    "disable-lcd-text",
    "disable-notifications",
    "disable-partial-raster",
    "disable-pings",
    "disable-popup-blocking",
    "disable-prompt-on-repost",
    "disable-quic",
    "disable-remote-fonts",
    "disable-renderer-backgrounding",
    "disable-search-engine-choice-screen",
    "disable-skia-runtime-opts",
    "disable-smooth-scrolling",
    "disable-software-rasterizer",
    "disable-speech-api",
    "disable-stack-profiler",
    "disable-sync",
    "disable-threaded-animation",
    "disable-threaded-scrolling",
    "disable-translate",
    "disable-updater-scheduler",
    "disable-web-security",
    "disable-webgl",
    "do-not-de-elevate",
    "edge-skip-compat-layer-relaunch",
    "enable-automation",
    "enable-blink-features",
    "enable-features",
    "enable-font-antialiasing",
    "enable-gpu-rasterization",
    "enable-unsafe-swiftshader",
    "enable-use-zoom-for-dsf",
    "enable-webgl",
    "font-render-hinting",
    "force-color-profile",
    "force-dark-mode",
    "force-device-scale-factor",
    "force-prefers-reduced-motion",
    "guest",
    "headless",
    "hide-crash-restore-bubble",
    "hide-scrollbars",
    "high-dpi-support",
    "host-resolver-rules",
    "host-rules",
    "ignore-certificate-errors",
    "incognito",
    "lang",
    "metrics-recording-only",
    "mute-audio",
    "no-default-browser-check",
    "no-first-run",
    "no-pings",
    "no-service-autorun",
    "no-startup-window",
    "password-store",
    "proxy-bypass-list",
    "proxy-server",
    "run-all-compositor-stages-before-draw",
    "show-component-extension-options",
    "start-fullscreen",
    "start-maximized",
    "test-type",
    "unsafely-disable-devtools-self-xss-warnings",
    "unsafely-treat-insecure-origin-as-secure",
    "use-angle",
    "use-fake-device-for-media-stream",
    "use-fake-ui-for-media-stream",
    "use-gl",
    "use-mock-keychain",
    "user-agent",
    "window-position",
    "window-size",
};

/* The sandbox is never off, whoever asks; how we speak with the browser, and where its profile lies,
 * is ours to say. */
static const char *const dropped[] = {
    "no-sandbox",    "disable-setuid-sandbox", "remote-debugging-pipe",
    "user-data-dir", "media-router",           "enable-remote-extensions",
};

static bool is_among(const char *name, size_t n, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return true;
    }
    return false;
}

enum cdp_switch cdp_judge_switch(const char *text)
{
    if (strcmp(text, "about:blank") == 0)
        return CDP_SWITCH_PASS;
    if (strncmp(text, "--", 2) != 0)
        return CDP_SWITCH_REFUSE;
    size_t n = strcspn(text + 2, "=");
    if (is_among(text + 2, n, dropped, n_items(dropped)))
        return CDP_SWITCH_DROP;
    return is_among(text + 2, n, switches, n_items(switches)) ? CDP_SWITCH_PASS : CDP_SWITCH_REFUSE;
}
