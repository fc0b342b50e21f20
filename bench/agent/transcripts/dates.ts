// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

const MONTHS = "January February March April May June July August September October November December".split(" ");

export default workflow(
    "free-slots",
    {
        input: z.object({ date: z.string().regex(/^\d{4}-\d{2}-\d{2}$/) }),
        output: z.object({ date: z.string(), slots: z.array(z.string()) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { date }) => {
        const [year, month, day] = date.split("-").map(Number);
        await page.getByLabel("Date", { exact: true }).click();

        const calendar = page.getByRole("dialog", { name: "Calendar" });
        const shown = calendar.locator("strong");
        for (;;) {
            const [name, shownYear] = (await shown.innerText()).split(" ");
            const months = (year - Number(shownYear)) * 12 + (month - 1 - MONTHS.indexOf(name));
            if (months === 0) break;
            await calendar.getByRole("button", { name: months > 0 ? "Next month" : "Previous month" }).click();
        }
        await calendar.getByRole("button", { name: String(day), exact: true }).click();
        await page.getByRole("heading", { name: `Free on ${date}` }).waitFor();
        return { date, slots: await page.locator("#slots li").allInnerTexts() };
    },
);
