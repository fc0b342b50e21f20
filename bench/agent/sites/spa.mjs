// SPDX-License-Identifier: Apache-2.0
/** An application that draws itself from a JSON API. */
import { chance, page, times } from "../site.mjs";

const KINDS = ["tea", "coffee", "cocoa"];

export default {
    name: "spa",
    description:
        "Return { products: [{ id, name, price, stock }] } with all products of the given kind that are in stock, by id. " +
        "The application reads them from an API of its own.",
    params: { kind: "tea" },
    make(seed) {
        const { int, code } = chance(seed);
        return times(36, (i) => ({ id: 100 + i, kind: KINDS[i % 3], name: `${KINDS[i % 3]} ${code(4)}`, price: int(200, 900) / 100, stock: int(0, 3) }));
    },
    answer({ path, query }, data) {
        if (path === "/api/products") {
            const all = data.filter(({ kind }) => kind === query.kind);
            const at = Number(query.offset ?? 0);
            return { json: { total: all.length, items: all.slice(at, at + 5) } };
        }
        if (path !== "/") return;
        return page(
            "Pantry",
            `<h1>Pantry</h1><nav>${KINDS.map((kind) => `<button data-kind="${kind}">${kind}</button>`).join("")}</nav><main></main><script>
            const main = document.querySelector("main");
            let kind, offset;
            const draw = async () => {
                const { total, items } = await (await fetch("/api/products?kind=" + kind + "&offset=" + offset)).json();
                main.innerHTML = "<h2>" + kind + "</h2>" + items.map((p) => "<section><h3>" + p.name + "</h3><p>No. " + p.id + "</p><p>" +
                    p.price.toFixed(2) + " EUR</p><p>" + (p.stock ? p.stock + " left" : "sold out") + "</p></section>").join("") +
                    (offset + 5 < total ? "<button id=on>More on the next page</button>" : "");
                const on = document.getElementById("on");
                if (on) on.onclick = () => { offset += 5; draw(); };
            };
            document.querySelector("nav").onclick = ({ target }) => { kind = target.dataset.kind; offset = 0; draw(); };</script>`,
        );
    },
    fresh: () => [{ kind: "coffee" }, { kind: "cocoa" }],
    expected: (data, { kind }) => ({
        products: data
            .filter((p) => p.kind === kind && p.stock > 0)
            .map(({ id, name, price, stock }) => ({ id, name, price, stock })),
    }),
};
