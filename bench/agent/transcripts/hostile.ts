// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "product-rating",
    {
        input: z.object({ product: z.string() }),
        output: z.object({ rating: z.number(), reviews: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { product }) => {
        await page.getByRole("link", { name: product, exact: true }).click();
        await page.getByRole("heading", { name: product, level: 1 }).waitFor();
        return {
            rating: Number(await page.locator("p:has-text('Rated') strong").innerText()),
            reviews: await page.getByLabel("Reviews").getByRole("article").count(),
        };
    },
);
