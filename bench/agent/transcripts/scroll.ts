// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "first-notes",
    {
        input: z.object({ count: z.number().int().min(1) }),
        output: z.object({ notes: z.array(z.object({ author: z.string(), text: z.string() })) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { count }) => {
        const notes = page.getByRole("article");
        const end = page.getByText("That is all.");
        await notes.first().waitFor();
        while ((await notes.count()) < count && !(await end.isVisible())) {
            const before = await notes.count();
            await notes.first().scrollIntoViewIfNeeded();
            await page.mouse.wheel(0, 100_000);
            await notes.nth(before).or(end).first().waitFor();
        }
        const all = await notes.evaluateAll((articles) =>
            articles.map((note) => ({
                author: note.querySelector("b")!.textContent!,
                text: note.querySelector("p")!.textContent!,
            })),
        );
        return { notes: all.slice(0, count) };
    },
);
