// SPDX-License-Identifier: Apache-2.0
/** The peer of a job: a script with Playwright, started for one run: `node playwright.mjs CHROMIUM`. */
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../runner/package.json", import.meta.url))("playwright-core");
const browser = await chromium.launch({
    executablePath: process.argv[2],
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});
const page = await browser.newPage();
console.log(JSON.stringify({ title: await page.title() }));
await browser.close();
