// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "search-books",
    {
        input: z.object({ query: z.string() }),
        output: z.object({ results: z.array(z.object({ title: z.string(), price: z.number() })) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { query }) => {
        await page.getByLabel("Search for books").fill(query);
        await page.getByRole("button", { name: "Search" }).click();
        await page.getByRole("heading", { name: "Results", level: 1 }).waitFor();

        const results = await page.getByRole("list", { name: "Results" }).getByRole("listitem").evaluateAll((items) =>
            items.map((item) => ({
                title: item.querySelector("h3")!.textContent!,
                price: Number(item.querySelector("span")!.textContent!.replace(/[^\d.]/g, "")),
            })),
        );
        return { results };
    },
);
