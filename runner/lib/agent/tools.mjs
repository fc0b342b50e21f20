// SPDX-License-Identifier: Apache-2.0
//
// The tools that a model calls. Each gets the desk, the model's input as it came, and how much time
// is left; what it throws becomes an answer that is not ok.

import { Failure } from "../failure.mjs";
import playwright from "../playwright.mjs";
import { describeChange } from "./change.mjs";
import { runSnippet } from "./snippet.mjs";
import { oneLine, quoted } from "./text.mjs";
import { linesWith, pageOf } from "./tree.mjs";

const { errors } = playwright;

const REFS_MOST = 12;
const TREE_MS = 15_000;
const TEXT_SPARE_MS = 7_000;
const IMAGE_BYTES = 2 * 1024 * 1024; /* base64 makes a third more of it */
const FULL_HEIGHT_MOST = 6_000;

export const tools = {
    /** The tree: of a page, of a frame of it, or of an element; in pages, or what holds a text. */
    async snapshot(desk, input, left) {
        const number = Number(input.tab ?? 1);
        const tab = desk.tab(number);
        const target = targetOf(desk, tab, input);
        const lines = await linesOrWords(desk, tab, target, {
            whole: input.whole === true || Boolean(input.find),
            timeout: Math.min(TREE_MS, left() - TEXT_SPARE_MS),
        });
        const wanted = input.find ? linesWith(lines, String(input.find)) : lines;
        const page = Math.max(1, Math.floor(Number(input.page ?? 1)) || 1);
        const { text, pages } = pageOf(wanted, page);

        if (page > pages) throw new Failure(`There is no page ${page}; there are ${pages}`);
        return {
            ok: true,
            text: [
                await desk.header(tab, number),
                "",
                text ||
                    (input.find ? `Nothing holds ${quoted(input.find, 80)}` : "The page is empty"),
                ...(pages > 1
                    ? [
                          `(page ${page} of ${pages}${page < pages ? `; page: ${page + 1} has the next` : ""})`,
                      ]
                    : []),
            ].join("\n"),
        };
    },

    async act(desk, input, left) {
        const tab = desk.tab(Number(input.tab ?? 1));
        const before = await desk.view(tab);
        const code = String(input.code ?? "");
        const durable = await durableNames(desk, tab, code);

        desk.takeEvents();
        const said = await runSnippet(code, {
            page: tab,
            context: desk.context,
            tabs: desk.tabs(),
            params: structuredClone(desk.params),
            ref: (id) => desk.element(tab, id),
            fillCredential: (target, name, options) =>
                desk.fillCredential(
                    typeof target === "string" ? desk.element(tab, target) : target,
                    name,
                    options,
                ),
        });
        await desk.settle(Math.min(2_500, left()));
        const current = tab.isClosed() ? null : tab;
        const after = current === null ? null : await desk.view(current);
        return {
            ok: said.ok,
            text: [said.text, ...durable].join("\n"),
            changed: describeChange(before, after, desk.takeEvents()),
        };
    },

    async network(desk, input) {
        return { ok: true, text: desk.network.list(input) };
    },

    async network_body(desk, input) {
        return { ok: true, text: await desk.network.body(input) };
    },

    async screenshot(desk, input, left) {
        const tab = desk.tab(Number(input.tab ?? 1));
        const target = input.ref ? desk.element(tab, input.ref) : tab;
        const options = {
            type: "jpeg",
            timeout: left(),
            mask: desk.hidden(tab),
            animations: "disabled",
            scale: "css",
        };

        if (input.full === true && !input.ref) {
            const height = await tab.evaluate("document.documentElement.scrollHeight");
            options.fullPage = true;
            options.clip = {
                x: 0,
                y: 0,
                width: tab.viewportSize().width,
                height: Math.max(1, Math.min(FULL_HEIGHT_MOST, Number(height) || 1)),
            };
        }
        for (const quality of [70, 40, 15]) {
            const image = await target.screenshot({ ...options, quality });
            if (image.length > IMAGE_BYTES) continue;
            return {
                ok: true,
                text: `${input.ref ? `The element ${oneLine(input.ref, 20)}` : "The page"} at ${oneLine(tab.url(), 300)}`,
                image: image.toString("base64"),
                media: "image/jpeg",
            };
        }
        throw new Failure("The picture is too large; ask for one element by its ref");
    },
};

/** The lines of the tree; of a page that gives none in time, those of its text. */
async function linesOrWords(desk, tab, target, { whole, timeout }) {
    try {
        return await desk.tree(tab, target, { whole, timeout: Math.max(500, timeout) });
    } catch (error) {
        if (!(error instanceof errors.TimeoutError)) throw error;
        const words = await desk.plainText(tab);
        if (words === null) throw error;
        desk.tell("The tree of this page did not come in time; this is its text alone");
        return words
            .split("\n")
            .filter((line) => line.trim() !== "")
            .map((line) => ({ depth: 0, ref: null, text: oneLine(line, 600) }));
    }
}

function targetOf(desk, tab, input) {
    if (input.within) return desk.element(tab, input.within);
    if (!input.frame) return tab;

    const wanted = String(input.frame);
    if (desk.known.has(wanted)) return desk.element(tab, wanted);
    const frame = tab.frames().find((one) => one.name() === wanted || one.url().includes(wanted));
    if (frame === undefined)
        throw new Failure(`No frame has ${quoted(wanted, 80)} in its address or as its name`);
    return frame.locator("body");
}

/* Refs live as long as this browser; a workflow needs a selector that outlives it. */
async function durableNames(desk, tab, code) {
    const refs = [...code.matchAll(/\b(?:ref|fillCredential)\(\s*["'`](f?\d*e\d+)["'`]/g)].map(
        ([, ref]) => ref,
    );
    const known = [...new Set(refs)].filter((ref) => desk.known.has(ref)).slice(0, REFS_MOST);

    const names = await Promise.all(
        known.map((ref) => {
            const asked = tab
                .getByRef(ref)
                .normalize()
                .then(
                    (locator) => `${ref} is page.${locator}`,
                    () => null,
                );
            return Promise.race([
                asked,
                new Promise((resolve) => setTimeout(resolve, 1_000, null)),
            ]);
        }),
    );
    return names.filter((name) => name !== null);
}
