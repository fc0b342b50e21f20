// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "airport-data",
    {
        input: z.object({ airport: z.string() }),
        output: z.object({ code: z.string(), gates: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { airport }) => {
        // Proposals come on key strokes, which fill() does not make.
        await page.getByLabel("Airport").pressSequentially(airport);
        await page.getByRole("option", { name: airport, exact: true }).click();
        const found = page.locator("#about b");
        await found.first().waitFor();
        const [code, gates] = await found.allInnerTexts();
        return { code, gates: Number(gates) };
    },
);
