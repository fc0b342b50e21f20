// SPDX-License-Identifier: Apache-2.0
//
// Source text that goes into composed workflows. It is the author's from then on, so it reads like
// code that somebody keeps.
//
// The result of a composed workflow is what the page shows at the end. A recording says what was
// done and never what for, so nothing is picked out: title, address, headings, the main text, and
// the shapes in which pages keep data (tables, lists, terms), which callers can pick from.

export const READ_PAGE = `
/** What the page shows, once it has come to rest. */
export async function readPage(page: Page) {
    await rested(page);
    return page.evaluate(() => {
        const clean = (text: string | null | undefined) => (text ?? "").replace(/\\s+/g, " ").trim();
        const seen = (element: Element) => element.getClientRects().length > 0;
        const all = (selector: string, within: ParentNode = document) =>
            [...within.querySelectorAll(selector)].filter(seen) as HTMLElement[];
        const main = all("main, [role=main]")[0] ?? document.body;

        const tables = all("table").map((table) => {
            const rows = all("tr", table).map((row) => all("th, td", row).map((cell) => clean(cell.innerText)));
            const named = all("tr", table)[0]?.querySelector("th") !== null;
            const names = named ? (rows.shift() ?? []) : [];
            return rows
                .filter((row) => row.length > 0)
                .slice(0, 1000)
                .map((row) => Object.fromEntries(row.map((cell, i) => [names[i] || String(i + 1), cell])));
        });
        const lists = all("ul, ol", main)
            .map((list) => [...list.children].filter(seen).map((item) => clean((item as HTMLElement).innerText)))
            .map((items) => items.filter((item) => item !== "").slice(0, 1000))
            .filter((items) => items.length > 0);
        const fields = Object.fromEntries(
            all("dt").map((term) => [clean(term.innerText), clean((term.nextElementSibling as HTMLElement | null)?.innerText)]),
        );

        return {
            title: document.title,
            url: location.href,
            headings: all("h1, h2, h3").map((heading) => clean(heading.innerText)).slice(0, 100),
            text: main.innerText.trim().slice(0, 20_000),
            tables: tables.filter((rows) => rows.length > 0).slice(0, 50),
            lists: lists.slice(0, 100),
            fields,
        };
    });
}

/** Waits until the page is loaded and its document has not changed for half a second. */
async function rested(page: Page) {
    await page.waitForLoadState("load").catch(() => {});
    await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
    for (let tries = 0; tries < 3; tries++) {
        const still = await page
            .evaluate(
                () =>
                    new Promise<boolean>((resolve) => {
                        const settle = () => resolve(true);
                        let timer = setTimeout(settle, 500);
                        new MutationObserver(() => {
                            clearTimeout(timer);
                            timer = setTimeout(settle, 500);
                        }).observe(document, { subtree: true, childList: true, characterData: true });
                        setTimeout(settle, 5_000);
                    }),
            )
            .catch(() => false); /* another page came: wait for that one */
        if (still) return;
        await page.waitForLoadState("load").catch(() => {});
    }
}
`;

export const HELPERS = {
    element: `
/** An element, by the first of several ways that finds it. */
export function element(page: Page, ways: Locator[]) {
    return firstOf(page, ways, async (way) => {
        const seen = way.filter({ visible: true });
        return (await seen.count()) > 0 ? seen.first() : null;
    });
}`,
    field: `
const FIELDS = "input, textarea, select, [contenteditable], [role=checkbox], [role=radio], [role=switch]";

/** A field, or the field inside of what is found; those for files are often not visible. */
export function field(page: Page, ways: Locator[]) {
    return firstOf(page, ways, async (way) => {
        for (const found of await way.all()) {
            if (await found.evaluate((it, fields) => it.matches(fields), FIELDS)) return found;
            const inner = found.locator(FIELDS);
            if ((await inner.count()) > 0) return inner.first();
        }
        return null;
    });
}`,
    firstOf: `
const PATIENCE_MS = 15_000;
const NEXT_WAY_MS = 1_500;

/** The best way has the page to itself at first; the others are tried when it finds nothing. */
async function firstOf(page: Page, ways: Locator[], find: (way: Locator) => Promise<Locator | null>) {
    const started = Date.now();

    while (Date.now() - started < PATIENCE_MS) {
        const turns = 1 + Math.floor((Date.now() - started) / NEXT_WAY_MS);
        for (const way of ways.slice(0, turns)) {
            const found = await find(way).catch(() => null); /* a page that just changes */
            if (found !== null) return found;
        }
        await page.waitForTimeout(100);
    }
    throw new Error(\`The page does not show what was looked for: \${ways.join(", or ")}\`);
}`,
    credential: `
/** A stored credential that the steps cannot do without. */
export function credential(credentials: Record<string, string | undefined>, name: string) {
    const value = credentials[name];
    if (value === undefined) throw new Error(\`Store the credential "\${name}" first\`);
    return value;
}`,
    fileFrom: `
/** A file for an upload: of a data: URL its content, of anything else the text itself. */
export function fileFrom(name: string, content: string) {
    const data = /^data:([^;,]*)(;base64)?,(.*)$/s.exec(content);
    if (data === null) return { name, mimeType: "text/plain", buffer: Buffer.from(content) };
    const [, mimeType, base64, body] = data;
    return {
        name,
        mimeType: mimeType || "application/octet-stream",
        buffer: base64 ? Buffer.from(body, "base64") : Buffer.from(decodeURIComponent(body)),
    };
}`,
    keepDownloads: `
/** Collects what the page downloads from now on. */
export function keepDownloads(page: Page) {
    const started: Download[] = [];
    page.context().on("page", (opened) => opened.on("download", (one) => started.push(one)));
    page.on("download", (one) => started.push(one));

    return async () => {
        if (started.length === 0) await page.waitForEvent("download", { timeout: 5_000 }).catch(() => {});
        return Promise.all(
            started.map(async (one) => {
                const chunks: Buffer[] = [];
                for await (const chunk of await one.createReadStream()) chunks.push(chunk);
                return { filename: one.suggestedFilename(), base64: Buffer.concat(chunks).toString("base64") };
            }),
        );
    };
}`,
};
