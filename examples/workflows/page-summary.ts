// SPDX-License-Identifier: Apache-2.0
//
// The smallest useful workflow: open a page, say what it is.

import { workflow, z } from "impresario";
import { withSite } from "../site.ts";

export const pageSummary = workflow(
    "page-summary",
    {
        input: z.object({
            url: z.url().optional().describe("The page to look at; without it, the example's own"),
        }),
        output: z.object({ title: z.string(), heading: z.string().nullable(), links: z.number() }),
    },
    async ({ page }, { url }) =>
        withSite(url, async (origin) => {
            await page.goto(url ?? origin);

            const heading = page.locator("h1").first();
            return {
                title: await page.title(),
                heading: (await heading.count()) > 0 ? await heading.innerText() : null,
                links: await page.locator("a[href]").count(),
            };
        }),
);
