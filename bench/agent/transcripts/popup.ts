// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "invoice-details",
    {
        input: z.object({ invoice: z.string() }),
        output: z.object({ amount: z.number(), due: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { invoice }) => {
        const [details] = await Promise.all([
            page.waitForEvent("popup"),
            page.getByRole("button", { name: `Details of ${invoice}`, exact: true }).click(),
        ]);
        await details.getByRole("heading", { name: invoice }).waitFor();
        const [amount, due] = await details.locator("b").allInnerTexts();
        return { amount: Number.parseFloat(amount), due };
    },
);
