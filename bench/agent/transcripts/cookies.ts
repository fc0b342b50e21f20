// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "frequent-question",
    {
        input: z.object({ question: z.string() }),
        output: z.object({ answer: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { question }) => {
        // The banner comes when it likes, so it is answered whenever it stands in the way.
        const refuse = page.getByRole("dialog", { name: "Cookies" }).getByRole("button", { name: "Refuse" });
        await page.addLocatorHandler(refuse, () => refuse.click());

        const asked = page.getByRole("heading", { name: question });
        await asked.getByRole("button").click();
        const answer = asked.locator("xpath=following-sibling::div[1]");
        await answer.waitFor({ state: "visible" });
        return { answer: await answer.innerText() };
    },
);
