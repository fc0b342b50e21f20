// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "text-report",
    {
        input: z.object({ filename: z.string(), content: z.string() }),
        output: z.object({ words: z.number(), checksum: z.string() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { filename, content }) => {
        await page.getByLabel("Text file").setInputFiles({
            name: filename,
            mimeType: "text/plain",
            buffer: Buffer.from(content),
        });
        await page.getByRole("button", { name: "Send" }).click();
        await page.getByRole("heading", { name: `Report on ${filename}` }).waitFor();
        const [words, checksum] = await page.getByRole("definition").allInnerTexts();
        return { words: Number(words), checksum };
    },
);
