// SPDX-License-Identifier: Apache-2.0
//
// Reads a list that is spread over pages, and stops when it has enough or when there is no next page.

import { workflow, z } from "impresario";
import { withSite } from "../site.ts";

const Product = z.object({ name: z.string(), price: z.number() });

export const catalogue = workflow(
    "catalogue",
    {
        input: z.object({
            url: z.url().optional().describe("Where the shop is; without it, the example's own"),
            limit: z.int().min(1).max(1000).default(100),
        }),
        output: z.object({ products: z.array(Product), pages: z.number() }),
    },
    async ({ page }, { url, limit }) =>
        withSite(url, async (origin) => {
            const products: z.infer<typeof Product>[] = [];
            let pages = 0;

            await page.goto(`${origin}/products`);
            for (;;) {
                products.push(...(await readProducts(page)));
                pages += 1;
                console.log(`page ${pages}: ${products.length} products so far`);

                const next = page.locator("a[rel=next]");
                if (products.length >= limit || (await next.count()) === 0) break;
                await next.click();
            }
            return { products: products.slice(0, limit), pages };
        }),
);

/** One round trip for the whole list, instead of one for each field of each row. */
async function readProducts(page: import("playwright").Page): Promise<z.infer<typeof Product>[]> {
    return page.locator("li").evaluateAll((rows) =>
        rows.map((row) => ({
            name: row.querySelector("b")!.textContent!,
            price: Number(row.querySelector("data")!.value),
        })),
    );
}
