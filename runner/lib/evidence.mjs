// SPDX-License-Identifier: Apache-2.0
//
// What a page looked like when its handler threw. Bounded in size and time; failing to get it is
// never a failure of its own.

const WAIT_MS = 3_000;
const SCREENSHOT_BYTES = 4 * 1024 * 1024;
const HTML_BYTES = 2 * 1024 * 1024; /* as JSON, which is how it travels */

/**
 * @param {import("playwright").Page} page
 * @param {(text: string) => string} redact
 * @returns {Promise<{ screenshot: string | null, html: string | null }>}
 */
export async function gatherEvidence(page, redact) {
    const [screenshot, html] = await Promise.all([
        within(() =>
            page.screenshot({ timeout: WAIT_MS, animations: "disabled", caret: "initial" }),
        ),
        within(() => page.content()),
    ]);

    const shown = html === null ? null : redact(html);
    return {
        screenshot:
            screenshot === null || screenshot.length > SCREENSHOT_BYTES
                ? null
                : screenshot.toString("base64"),
        html:
            shown === null || Buffer.byteLength(JSON.stringify(shown)) > HTML_BYTES ? null : shown,
    };
}

async function within(attempt) {
    const { promise: late, resolve } = Promise.withResolvers();
    const timer = setTimeout(resolve, WAIT_MS, null);

    try {
        return await Promise.race([attempt(), late]);
    } catch {
        return null;
    } finally {
        clearTimeout(timer);
    }
}
