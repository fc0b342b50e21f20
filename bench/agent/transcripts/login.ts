// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "orders-by-status",
    {
        input: z.object({ status: z.string().describe("Such as open, shipped or returned") }),
        output: z.object({ orders: z.array(z.object({ number: z.string(), total: z.number() })) }),
        credentials: ["portal_user", "portal_password"],
        startUrl: "http://site.test/",
    },
    async ({ page }, { status, credentials }) => {
        const { portal_user: user, portal_password: password } = credentials;
        if (!user || !password) throw new Error("Store the credentials portal_user and portal_password first");

        const welcome = page.getByRole("heading", { name: "Welcome back" });
        if (!(await welcome.isVisible())) {
            await page.getByLabel("User name").fill(user);
            await page.getByLabel("Password").fill(password);
            await page.getByRole("button", { name: "Sign in" }).click();
            await welcome.or(page.getByRole("alert")).waitFor();
            if (!(await welcome.isVisible())) throw new Error("The site refused the credentials");
        }
        await page.getByRole("link", { name: "Orders" }).click();
        await page.getByRole("heading", { name: "Orders" }).waitFor();

        const rows = await page.locator("tr:has(td)").evaluateAll((all) =>
            all.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent!.trim())),
        );
        return {
            orders: rows
                .filter(([, state]) => state === status)
                .map(([number, , total]) => ({ number, total: Number.parseFloat(total) })),
        };
    },
);
