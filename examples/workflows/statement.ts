// SPDX-License-Identifier: Apache-2.0
//
// Signs in with stored credentials and reads a file that the site offers for download.

import { authenticate, downloadViaClick, workflow, z } from "impresario";
import { withSite } from "../site.ts";

export const statement = workflow(
    "statement",
    {
        input: z.object({
            url: z.url().optional().describe("Where the shop is; without it, the example's own"),
        }),
        output: z.object({
            filename: z.string(),
            rows: z.array(z.object({ date: z.string(), text: z.string(), amount: z.number() })),
        }),
        credentials: ["shop_user", "shop_password"],
    },
    async (ctx, { url, credentials }) =>
        withSite(url, async (origin) => {
            const { page } = ctx;
            const account = page.getByRole("heading", { name: "Your account" });

            await page.goto(`${origin}/account`);
            await authenticate(ctx, {
                credentials,
                isSignedIn: () => account.isVisible(),
                signIn: async (_ctx, { shop_user, shop_password }) => {
                    if (shop_user === undefined || shop_password === undefined) {
                        throw new Error("Store the credentials shop_user and shop_password first");
                    }
                    await page.getByLabel("User").fill(shop_user);
                    await page.getByLabel("Password").fill(shop_password);
                    await page.getByRole("button", { name: "Sign in" }).click();
                    await account.or(page.getByRole("alert")).waitFor();
                },
            });

            const { buffer, filename } = await downloadViaClick(page, "a[download]");
            return { filename, rows: parseStatement(buffer.toString("utf8")) };
        }),
);

function parseStatement(csv: string) {
    const [, ...lines] = csv.trim().split("\n");

    return lines.map((line) => {
        const [date, text, amount] = line.split(",");
        return { date, text, amount: Number(amount) };
    });
}
