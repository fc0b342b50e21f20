// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "article-data",
    {
        input: z.object({ department: z.string(), section: z.string(), article: z.string() }),
        output: z.object({ price: z.number(), weight: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { department, section, article }) => {
        const menu = page.getByRole("navigation");
        await menu.getByRole("link", { name: department, exact: true }).hover();
        await menu.getByRole("link", { name: section, exact: true }).click();
        await page.getByRole("heading", { name: section, level: 1 }).waitFor();
        await page.getByRole("link", { name: article, exact: true }).click();
        await page.getByRole("heading", { name: article, level: 1 }).waitFor();

        const value = async (name: string) =>
            Number.parseFloat(await page.getByRole("row", { name }).getByRole("cell").innerText());
        return { price: await value("Price"), weight: await value("Weight") };
    },
);
