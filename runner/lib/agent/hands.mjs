// SPDX-License-Identifier: Apache-2.0
//
// The child that holds the browser. It answers one message at a time over the channel that fork
// made; everything it says is bounded, redacted and checked again by its parent.

import { openBrowser, VIEWPORT } from "../browser.mjs";
import { Desk } from "./desk.mjs";
import { NetworkList } from "./network.mjs";
import { tools } from "./tools.mjs";
import { shownAddress, wordsOf } from "./text.mjs";

/* A model should hear soon that what it waits for does not come. */
const ACTION_MS = 8_000;
const NAVIGATION_MS = 20_000;

/* Taken at once: a snippet could send through it in our name. */
const reply = process.send.bind(process);
delete process.send;

let desk = null;
/** A snippet whose time ran out and that has not come to its end. */
let straggler = null;

process.on("unhandledRejection", () => {}); /* a snippet's, and a matter of nobody else */
process.on("uncaughtException", () => {});
process.on("disconnect", () => process.exit(0));

process.on("message", async (message) => {
    const said = await (message.t === "open" ? open(message.frame) : call(message)).catch(
        (error) => ({
            ok: false,
            text: wordsOf(error),
        }),
    );

    reply({ ...said, id: message.id });
    if (desk !== null && !desk.browser.isConnected()) process.exit(1);
});

async function open({ url, viewport, credentials, credential_hosts, params }) {
    const { browser, context, page } = await openBrowser();
    const size = viewport ?? VIEWPORT;

    browser.once("disconnected", () => process.exit(1));
    context.setDefaultTimeout(ACTION_MS);
    context.setDefaultNavigationTimeout(NAVIGATION_MS);
    const site = [url, ...(credential_hosts ?? []).map((host) => `https://${host}/`)];
    desk = new Desk({ browser, context, page, credentials: credentials ?? {}, site, params });
    desk.network = new NetworkList(context);

    try {
        if (size.width !== VIEWPORT.width || size.height !== VIEWPORT.height)
            await page.setViewportSize(size);
        await page.goto(url, { waitUntil: "domcontentloaded" });
        await desk.settle();
        return { ok: true, text: `Open: ${shownAddress(page.url())}` };
    } catch (error) {
        return { ok: false, text: `${shownAddress(url)} did not open: ${wordsOf(error)}` };
    }
}

async function call({ tool, input, ms }) {
    const run = Object.hasOwn(tools, tool) ? tools[tool] : null;

    if (desk === null) return { ok: false, text: "No page was opened" };
    if (run === null) return { ok: false, text: `There is no tool "${tool}"` };
    if (straggler !== null && !(await endsWithin(straggler, 1_000))) {
        const lost = "A snippet that ran out of time still runs; the browser was ended";
        return { ok: false, text: lost, lost };
    }
    straggler = null;

    const started = performance.now();
    const left = () => Math.max(100, ms - (performance.now() - started));
    const work = run(desk, input, left);
    const said = await within(work, ms);
    if (said !== null) return said;

    straggler = work;
    desk.giveUp();
    return {
        ok: false,
        text:
            `${tool} did not end within ${Math.round(ms / 1000)} s. ` +
            ((await desk.answers())
                ? "The page still answers"
                : "The page does not answer: its own script may run without end. Go to another address with act"),
    };
}

async function within(work, ms) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, null)));

    try {
        return await Promise.race([work, late]);
    } finally {
        clearTimeout(timer);
    }
}

async function endsWithin(work, ms) {
    const ended = work.then(
        () => true,
        () => true,
    );
    return (await within(ended, ms)) === true;
}
