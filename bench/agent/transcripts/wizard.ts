// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "holiday-offer",
    {
        input: z.object({ destination: z.string(), nights: z.number().int().min(1), extras: z.array(z.string()).default([]) }),
        output: z.object({ total: z.number(), reference: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { destination, nights, extras }) => {
        const on = page.getByRole("button", { name: "Continue" });

        await page.getByRole("radio", { name: destination }).check();
        await on.click();
        await page.getByRole("heading", { name: "How long?" }).waitFor();
        for (let n = 1; n < nights; n++) await page.getByRole("button", { name: "One night more" }).click();
        await on.click();
        for (const extra of extras) await page.getByRole("checkbox", { name: extra }).check();
        await on.click();

        await page.getByRole("heading", { name: "Your offer" }).waitFor();
        const [total, reference] = await page.getByRole("definition").allInnerTexts();
        return { total: Number.parseFloat(total), reference };
    },
);
