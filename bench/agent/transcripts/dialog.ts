// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "cancel-subscription",
    {
        input: z.object({ subscription: z.string(), reason: z.string() }),
        output: z.object({ message: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { subscription, reason }) => {
        page.once("dialog", (question) => question.accept());
        await page.getByRole("listitem").filter({ hasText: subscription }).getByRole("button", { name: "Cancel" }).click();

        const dialog = page.getByRole("dialog", { name: "Reason" });
        await dialog.getByLabel("Why do you leave?").fill(reason);
        await dialog.getByRole("button", { name: "Send" }).click();
        return { message: await page.getByRole("status").innerText() };
    },
);
