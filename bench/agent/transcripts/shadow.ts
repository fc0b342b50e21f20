// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "convert-euros",
    {
        input: z.object({ amount: z.number(), currency: z.string() }),
        output: z.object({ converted: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { amount, currency }) => {
        await page.getByLabel("Amount in EUR").fill(String(amount));
        await page.getByLabel("Currency").selectOption(currency);
        await page.getByRole("button", { name: "Convert" }).click();
        const result = page.getByLabel("Result").filter({ hasText: currency });
        await result.waitFor();
        return { converted: Number.parseFloat(await result.innerText()) };
    },
);
