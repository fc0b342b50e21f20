// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "releases-of-year",
    {
        input: z.object({ year: z.number().int() }),
        output: z.object({ releases: z.array(z.object({ version: z.string(), date: z.string() })) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { year }) => {
        const items = page.getByRole("listitem");
        const more = page.getByRole("button", { name: "Load more" });
        while ((await more.count()) > 0) {
            const before = await items.count();
            await more.click();
            await items.nth(before).waitFor();
            await page.locator("#more[disabled]").waitFor({ state: "detached" });
        }
        const all = await items.evaluateAll((list) =>
            list.map((item) => ({
                version: item.querySelector("b")!.textContent!,
                date: item.querySelector("time")!.dateTime,
            })),
        );
        return { releases: all.filter(({ date }) => date.startsWith(`${year}-`)) };
    },
);
