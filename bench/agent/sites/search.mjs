// SPDX-License-Identifier: Apache-2.0
/** A search form that answers on a page of its own. */
import { chance, page, times } from "../site.mjs";

export default {
    name: "search",
    description:
        "Search the book shop for the given query and return { results: [{ title, price }] } as the page of results " +
        "lists them; price is a number in euros. A query without hits gives an empty list.",
    params: { query: "river" },
    make(seed) {
        const { pick, int, code } = chance(seed);
        return times(40, () => ({
            title: `The ${pick(["Silent", "Golden", "Last", "Hidden"])} ${pick(["River", "Garden", "Castle", "Harbour"])} ${code(3)}`,
            price: int(500, 4000) / 100,
        }));
    },
    answer({ path, query }, data) {
        const form = `<form action="/find" role="search"><label>Search for books <input type="search" name="q"></label><button>Search</button></form>`;
        if (path === "/") return page("Book shop", `<h1>Book shop</h1>${form}`);
        if (path !== "/find") return;
        const hits = found(data, query.q ?? "");
        const list = hits.length
            ? `<ul aria-label="Results">${hits.map(({ title, price }) => `<li><h3>${title}</h3><span class="p">€ ${price.toFixed(2)}</span></li>`).join("")}</ul>`
            : "<p>Nothing was found.</p>";
        return page("Results", `<h1>Results</h1>${form}${list}`);
    },
    fresh: () => [{ query: "castle" }, { query: "hidden garden" }, { query: "submarine" }],
    expected: (data, { query }) => ({ results: found(data, query) }),
};

const found = (data, query) => data.filter(({ title }) => title.toLowerCase().includes(query.toLowerCase()));
