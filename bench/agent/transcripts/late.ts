// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "share-price",
    {
        input: z.object({ symbol: z.string() }),
        output: z.object({ symbol: z.string(), price: z.number(), change: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { symbol }) => {
        const row = page.locator("tr:not(.wait)").filter({ has: page.getByRole("cell", { name: symbol, exact: true }) });
        await row.waitFor();
        const [, price, change] = await row.getByRole("cell").allInnerTexts();
        return { symbol, price: Number.parseFloat(price), change: Number.parseFloat(change) };
    },
);
