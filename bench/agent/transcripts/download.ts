// SPDX-License-Identifier: Apache-2.0
import { text } from "node:stream/consumers";
import { workflow, z } from "impresario";

export default workflow(
    "monthly-statement",
    {
        input: z.object({ month: z.string() }),
        output: z.object({ filename: z.string(), entries: z.number(), total: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { month }) => {
        const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: month, exact: true }) });
        const [download] = await Promise.all([
            page.waitForEvent("download"),
            row.getByRole("link", { name: "Download" }).click(),
        ]);
        const [, ...lines] = (await text(await download.createReadStream())).trim().split(/\r?\n/);
        const cents = lines.reduce((sum, line) => sum + Math.round(Number(line.split(";")[1]) * 100), 0);
        return { filename: download.suggestedFilename(), entries: lines.length, total: cents / 100 };
    },
);
