// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "office-address",
    {
        input: z.object({ country: z.string(), city: z.string() }),
        output: z.object({ street: z.string(), phone: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { country, city }) => {
        await page.getByLabel("Country").selectOption(country);
        await page.locator('[role=combobox][aria-disabled="false"]').click();
        await page.getByRole("option", { name: city, exact: true }).click();
        const lines = page.locator("address p");
        await lines.first().waitFor();
        const [street, phone] = await lines.allInnerTexts();
        return { street, phone };
    },
);
