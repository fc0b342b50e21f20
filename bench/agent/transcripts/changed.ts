// SPDX-License-Identifier: Apache-2.0
import type { Page } from "playwright";
import { workflow, z } from "impresario";

export default workflow(
    "book-by-signature",
    {
        input: z.object({ signature: z.string() }),
        output: z.object({ title: z.string(), author: z.string(), year: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { signature }) => {
        const fields = await read(page, signature);
        if (!fields) throw new Error(`No book has the signature ${signature}`);
        return { title: fields.title, author: fields.author, year: Number(fields.year) };
    },
);

/** The same four fields, whichever of the three layouts this visit got. */
async function read(page: Page, signature: string): Promise<Record<string, string> | undefined> {
    await page.getByText(signature).first().waitFor();
    return page.evaluate((wanted) => {
        const text = (node: Element) => node.textContent!.trim();
        const books: Record<string, string>[] = [];
        for (const row of document.querySelectorAll("tr:has(td)")) {
            const heads = [...row.closest("table")!.querySelectorAll("th")].map(text);
            books.push(Object.fromEntries([...row.children].map((cell, i) => [heads[i].toLowerCase(), text(cell)])));
        }
        for (const card of document.querySelectorAll("article")) {
            const lines = [...card.querySelectorAll("p")].map((p) => text(p).split(/:\s*/));
            books.push({ title: text(card.querySelector("h2")!), ...Object.fromEntries(lines.map(([k, v]) => [k.toLowerCase(), v])) });
        }
        for (const list of document.querySelectorAll("dl")) {
            const terms = [...list.querySelectorAll("dt")];
            books.push(Object.fromEntries(terms.map((dt) => [text(dt).toLowerCase(), text(dt.nextElementSibling!)])));
        }
        return books.find((book) => book.signature === wanted);
    }, signature);
}
