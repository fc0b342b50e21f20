// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "register-person",
    {
        input: z.object({ name: z.string(), email: z.string(), phone: z.string() }),
        output: z.object({ confirmation: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { name, email, phone }) => {
        await page.getByLabel("Full name").fill(name);
        await page.getByLabel("E-mail").fill(email);
        await page.getByLabel("Telephone").fill(phone.replace(/[^+\d]/g, ""));
        await page.getByLabel("I accept the terms").check();
        await page.getByRole("button", { name: "Register" }).click();

        const done = page.getByRole("heading", { name: "You are registered" });
        const refused = page.getByRole("alert");
        await done.or(refused).first().waitFor();
        if (!(await done.isVisible())) throw new Error(`Refused: ${(await refused.allInnerTexts()).join("; ")}`);
        return { confirmation: await page.locator("strong").innerText() };
    },
);
