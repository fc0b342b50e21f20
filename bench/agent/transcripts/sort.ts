// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "cheapest-bicycles",
    {
        input: z.object({ brand: z.string() }),
        output: z.object({ cheapest: z.array(z.object({ model: z.string(), price: z.number() })) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { brand }) => {
        await page.getByLabel("Brand").selectOption(brand);
        await page.getByLabel("Sort by").selectOption({ label: "Price, rising" });
        await page.getByLabel("In stock").check();
        await page.getByRole("button", { name: "Apply" }).click();
        await page.waitForURL(/sort=up/);

        const all = await page.getByRole("list", { name: "Bicycles" }).getByRole("listitem").evaluateAll((items) =>
            items.map((item) => ({
                model: item.querySelector("b")!.textContent!,
                price: Number(item.querySelector("data")!.value),
            })),
        );
        return { cheapest: all.slice(0, 3) };
    },
);
