// SPDX-License-Identifier: Apache-2.0
//
// The browser of one build as the tools see it: its tabs, what happened in them since the last
// call, the refs that were shown, and the fields that hold a credential.

import { Failure } from "../failure.mjs";
import { linesOf } from "./tree.mjs";
import { credentialOf, sameSite } from "./secrets.mjs";
import { oneLine, quoted, shownAddress } from "./text.mjs";

const TABS_MOST = 6;
const EVENTS_MOST = 12;
const VIEW_MS = 4_000;

const FRAMES_MOST = 50;
const FRAME_MS = 500;
const TEXT_MS = 6_000;

/** A page counts as settled when nothing that it asked for is under way, or after so long. */
const CALM_MS = 250;
const SETTLE_MS = 2_500;

export class Desk {
    /** @type {string[]} */
    #events = [];
    #credentials;
    #site;
    /** @type {import("playwright").Locator[]} */
    #filled = [];
    /** @type {import("./network.mjs").NetworkList | null} */
    network = null;
    known = new Set();

    constructor({ browser, context, page, credentials, site, params }) {
        this.browser = browser;
        this.context = context;
        this.params = params ?? {};
        this.#credentials = credentials;
        this.#site = site;
        this.#watch(page);
        context.on("page", (opened) => this.#tabOpened(opened));
    }

    /** A tab by its number, counted from 1; the first is what a workflow gets as `page`. */
    tab(number = 1) {
        const tabs = this.context.pages();
        const tab = tabs[number - 1];
        if (tab === undefined)
            throw new Failure(`There is no tab ${number}; there are ${tabs.length}`);
        return tab;
    }

    tabs() {
        return this.context.pages();
    }

    tell(event) {
        if (this.#events.length < EVENTS_MOST && !this.#events.includes(event))
            this.#events.push(event);
    }

    /** What happened since the last time that somebody asked. */
    takeEvents() {
        return this.#events.splice(0);
    }

    #tabOpened(page) {
        const count = this.tabs().length;

        if (count > TABS_MOST) {
            this.tell("A tab more than can be kept was closed at once");
            page.close().catch(() => {});
            return;
        }
        this.#watch(page);
        if (count > 1) this.tell(`A new tab opened: tab ${count}`);
    }

    #watch(page) {
        page.on("dialog", (dialog) => {
            if (page.listenerCount("dialog") > 1) return; /* a snippet's own answers it */
            this.tell(`A ${dialog.type()} said ${quoted(dialog.message(), 200)}; it was dismissed`);
            dialog.dismiss().catch(() => {});
        });
        page.on("download", (download) =>
            this.tell(`A download started: ${quoted(download.suggestedFilename(), 120)}`),
        );
        page.on("crash", () => this.tell("The page crashed"));
        page.on("pageerror", (error) =>
            this.tell(`The page's script threw ${quoted(error.message, 160)}`),
        );
        page.on("framenavigated", (frame) => {
            if (frame !== page.mainFrame()) return;
            this.#filled = [];
        });
    }

    /** A time-out left things half done: what was asked for before is not told later. */
    giveUp() {
        this.#events.length = 0;
    }

    async answers() {
        return inTime(this.tab().evaluate("true"), 700, false);
    }

    /** Waits until requests of the page have ended and none came for a moment. */
    async settle(ms = SETTLE_MS) {
        const until = performance.now() + ms;
        let calmSince = performance.now();

        while (performance.now() < until) {
            if (this.network !== null && this.network.pending() > 0) calmSince = performance.now();
            if (performance.now() - calmSince >= CALM_MS) return;
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }

    /** The tree of a page, a frame or an element of it, and the refs in it made known. */
    async tree(page, target, { whole = true, timeout = VIEW_MS } = {}) {
        const show = await this.#hideDeadFrames(page);

        try {
            const nodes = await target.ariaSnapshotJSON({ mode: "ai", timeout });
            for (const { ref } of linesOf(nodes, { whole: true }))
                if (ref !== null) this.known.add(ref);
            return linesOf(nodes, { whole });
        } finally {
            await show();
        }
    }

    /**
     * A frame whose document never comes would keep the tree of the whole page waiting. It is made
     * invisible for that moment, which moves nothing on the page.
     * @returns {Promise<() => Promise<unknown>>} undoes it
     */
    async #hideDeadFrames(page) {
        const frames = page.frames().slice(1, 1 + FRAMES_MOST);
        const answers = await Promise.all(
            frames.map((frame) => inTime(frame.evaluate("true"), FRAME_MS, false)),
        );
        const dead = frames.filter((_frame, i) => answers[i] !== true);
        if (dead.length === 0) return async () => {};

        this.tell(
            `Left out, because they do not answer: frames of ${dead
                .slice(0, 5)
                .map((frame) => shownAddress(frame.url() || "an address that never came", 100))
                .join(", ")}`,
        );
        const set = (visibility) =>
            Promise.all(
                dead.map((frame) =>
                    inTime(
                        frame.frameElement().then((it) =>
                            it.evaluate((element, value) => {
                                element.style.visibility = value;
                            }, visibility),
                        ),
                        FRAME_MS,
                        null,
                    ),
                ),
            );
        await set("hidden");
        return () => set("");
    }

    /** The words of a page whose tree does not come. */
    async plainText(page) {
        return inTime(page.evaluate("document.body?.innerText"), TEXT_MS, null);
    }

    /** @returns {Promise<import("./change.mjs").View | null>} null when the page does not answer */
    async view(page) {
        try {
            const lines = await this.tree(page, page);
            return { url: page.url(), title: await page.title(), lines };
        } catch {
            return null;
        }
    }

    /** An element that a snapshot showed. */
    element(page, ref) {
        const id = String(ref)
            .trim()
            .replace(/^\[|\]$/g, "");

        if (!this.known.has(id))
            throw new Failure(
                `No snapshot has shown a ref ${quoted(ref, 40)}; refs look like e12 or f1e3`,
            );
        return page.getByRef(id);
    }

    async fillCredential(locator, name, options = {}) {
        const value = credentialOf(this.#credentials, name);
        const handle = await locator.elementHandle(options);
        let frame = await handle.ownerFrame();

        while (frame !== null && /^about:/.test(frame.url())) frame = frame.parentFrame();
        if (frame === null || !this.#site.some((address) => sameSite(address, frame.url()))) {
            throw new Failure(
                `Credentials are filled only on pages of ${hostsOf(this.#site)}; this field is on ` +
                    shownAddress(frame?.url() ?? "no page"),
            );
        }
        await handle.fill(value, options); /* in this document, wherever the page goes meanwhile */
        this.#filled.push(locator);
    }

    /** What a screenshot must not show: fields that were filled, and values that are on the page. */
    hidden(page) {
        const values = Object.values(this.#credentials).filter((value) => value.length >= 3);

        return [
            ...this.#filled.filter((locator) => locator.page() === page),
            ...page.frames().flatMap((frame) => values.map((value) => frame.getByText(value))),
        ];
    }

    async header(page, number) {
        const said = [
            `Address: ${shownAddress(page.url())}`,
            `Title: ${oneLine(await page.title(), 200)}`,
        ];
        const tabs = this.tabs();

        if (tabs.length > 1)
            said.push(
                `Tab ${number} of ${tabs.length}: ` +
                    tabs.map((tab, i) => `${i + 1} ${shownAddress(tab.url(), 100)}`).join("; "),
            );
        return [...said, ...this.takeEvents()].join("\n");
    }
}

/** What a promise gives, or something else when it fails or is late. */
async function inTime(promise, ms, otherwise) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, otherwise)));

    try {
        return await Promise.race([promise, late]);
    } catch {
        return otherwise;
    } finally {
        clearTimeout(timer);
    }
}

function hostsOf(addresses) {
    const hosts = addresses
        .filter((one) => URL.canParse(one))
        .map((address) => new URL(address).hostname);
    return [...new Set(hosts)].join(", ");
}
