// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "staff-of-department",
    {
        input: z.object({ department: z.string().describe("The department, as the table names it") }),
        output: z.object({ employees: z.array(z.object({ name: z.string(), title: z.string(), room: z.string() })) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { department }) => {
        const employees: { name: string; title: string; room: string }[] = [];
        const next = page.getByRole("link", { name: "Next page" });
        for (;;) {
            const rows = await page.locator("tbody tr").evaluateAll((all) =>
                all.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent!.trim())),
            );
            for (const [name, title, where, room] of rows) {
                if (where === department) employees.push({ name, title, room });
            }
            if ((await next.count()) === 0) return { employees };
            await next.click();
        }
    },
);
