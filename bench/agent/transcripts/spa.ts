// SPDX-License-Identifier: Apache-2.0
import { pageRequest, workflow, z } from "impresario";

const Product = z.object({ id: z.number(), name: z.string(), price: z.number(), stock: z.number() });
const Page = z.object({ total: z.number(), items: z.array(Product) });

export default workflow(
    "products-in-stock",
    {
        input: z.object({ kind: z.string() }),
        output: z.object({ products: z.array(Product) }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { kind }) => {
        const products: z.infer<typeof Product>[] = [];
        for (let offset = 0; ; ) {
            const url = `/api/products?kind=${encodeURIComponent(kind)}&offset=${offset}`;
            const { total, items } = await pageRequest(page, { url }, { schema: Page });
            products.push(...items.filter(({ stock }) => stock > 0));
            offset += items.length;
            if (items.length === 0 || offset >= total) break;
        }
        return { products };
    },
);
