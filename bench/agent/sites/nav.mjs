// SPDX-License-Identifier: Apache-2.0
/** Menus within menus, which open when they are pointed at. */
import { chance, page } from "../site.mjs";

const TREE = { Garden: { Tools: ["Spade", "Rake"], Seeds: ["Tomato", "Basil"] }, Kitchen: { Pots: ["Wok", "Casserole"], Knives: ["Paring knife", "Cleaver"] } };

export default {
    name: "nav",
    description: "Go through the menu to the given department, section and article, and return { price, weight } as numbers, in EUR and grams.",
    params: { department: "Garden", section: "Tools", article: "Rake" },
    make(seed) {
        const { int } = chance(seed);
        return Object.fromEntries(Object.values(TREE).flatMap((s) => Object.values(s).flat()).map((a) => [a, { price: int(100, 9000) / 100, weight: int(10, 4000) }]));
    },
    answer({ path }, data) {
        const style = `<style>nav ul ul { display: none } nav li:hover > ul, nav li:focus-within > ul { display: block }</style>`;
        const slug = (text) => text.toLowerCase().replaceAll(" ", "-");
        const menu = `<nav><ul>${Object.entries(TREE).map(([d, sections]) => `<li><a href="#" onclick="return false">${d}</a><ul>${Object.keys(sections).map((s) => `<li><a href="/${slug(d)}/${slug(s)}">${s}</a></li>`).join("")}</ul></li>`).join("")}</ul></nav>`;
        if (path === "/") return page("Store", `<h1>Store</h1>${menu}`, style);
        for (const [d, sections] of Object.entries(TREE)) {
            for (const [s, articles] of Object.entries(sections)) {
                const here = `/${slug(d)}/${slug(s)}`;
                if (path === here) return page(s, `${menu}<h1>${s}</h1><ul>${articles.map((a) => `<li><a href="${here}/${slug(a)}">${a}</a></li>`).join("")}</ul>`, style);
                const a = articles.find((each) => path === `${here}/${slug(each)}`);
                if (a) return page(a, `${menu}<h1>${a}</h1><table><tr><th>Price</th><td>${data[a].price.toFixed(2)} EUR</td></tr><tr><th>Weight</th><td>${data[a].weight} g</td></tr></table>`, style);
            }
        }
    },
    fresh: () => [{ department: "Kitchen", section: "Knives", article: "Paring knife" }, { department: "Garden", section: "Seeds", article: "Basil" }],
    expected: (data, { article }) => data[article],
};
