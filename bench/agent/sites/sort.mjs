// SPDX-License-Identifier: Apache-2.0
/** A list to sort and to filter. */
import { chance, page, times } from "../site.mjs";

const BRANDS = ["Orbis", "Fenn", "Tarn"];

export default {
    name: "sort",
    description:
        "Return { cheapest: [{ model, price }] } with the three cheapest bicycles of the given brand that can be had at once " +
        "(not on order), cheapest first; price as a number.",
    params: { brand: "Fenn" },
    make(seed) {
        const { shuffled, int, code } = chance(seed);
        const prices = shuffled(times(30, (i) => 300 + 37 * i));
        return times(30, (i) => ({ brand: BRANDS[i % 3], model: `${BRANDS[i % 3]} ${code(3)}`, price: prices[i], here: int(0, 4) > 0 }));
    },
    answer({ path, query }, data) {
        if (path !== "/") return;
        let all = data.filter((b) => (!query.brand || b.brand === query.brand) && (!query.here || b.here));
        if (query.sort) all = [...all].sort((a, b) => (query.sort === "up" ? a.price - b.price : b.price - a.price));
        const option = (name, value, text) => `<option value="${value}"${query[name] === value ? " selected" : ""}>${text}</option>`;
        return page(
            "Bicycles",
            `<h1>Bicycles</h1><form><label>Brand <select name="brand">${option("brand", "", "All")}${BRANDS.map((b) => option("brand", b, b)).join("")}</select></label>
             <label>Sort by <select name="sort">${option("sort", "", "Recommendation")}${option("sort", "up", "Price, rising")}${option("sort", "down", "Price, falling")}</select></label>
             <label><input type="checkbox" name="here" value="1"${query.here ? " checked" : ""}> In stock</label><button>Apply</button></form>
             <p>${all.length} bicycles</p><ul aria-label="Bicycles">${all.slice(0, 12).map((b) => `<li><b>${b.model}</b> <data value="${b.price}">${b.price.toLocaleString("en")} €</data>${b.here ? "" : " on order"}</li>`).join("")}</ul>`,
        );
    },
    fresh: () => [{ brand: "Orbis" }, { brand: "Tarn" }],
    expected: (data, { brand }) => ({
        cheapest: data.filter((b) => b.brand === brand && b.here).sort((a, b) => a.price - b.price).slice(0, 3).map(({ model, price }) => ({ model, price })),
    }),
};
