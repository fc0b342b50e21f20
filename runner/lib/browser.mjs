// SPDX-License-Identifier: Apache-2.0
//
// The browser of one job: fresh, with its own sandbox on, and steered through a pipe.

import { chromium } from "./places.mjs";
import playwright from "./playwright.mjs";

const ACTION_MS = 30_000;
const NAVIGATION_MS = 45_000;
export const VIEWPORT = { width: 1366, height: 768 };

const FLAGS = ["--disable-blink-features=AutomationControlled", "--disable-quic"];

/* Functions compiled with kept names call this helper, also inside page.evaluate, and pages have none. */
const NAME_HELPER = "globalThis.__name ??= (target) => target;";

/** Launches Chromium with one blank page. */
export async function openBrowser() {
    const browser = await playwright.chromium.launch({
        executablePath: chromium,
        chromiumSandbox: true,
        headless: true,
        args: FLAGS,
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
    });
    const context = await browser.newContext({
        viewport: VIEWPORT,
        userAgent: userAgent(browser.version()),
    });

    context.setDefaultTimeout(ACTION_MS);
    context.setDefaultNavigationTimeout(NAVIGATION_MS);
    await context.addInitScript(NAME_HELPER);
    const page = await context.newPage();
    /* The helper comes with documents; the blank page that is already there needs it too. */
    await page.evaluate(NAME_HELPER);
    return { browser, context, page };
}

/** Chromium's own, in its reduced form, without the word "Headless". */
function userAgent(version) {
    const major = version.split(".")[0];
    return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`;
}
