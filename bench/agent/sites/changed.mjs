// SPDX-License-Identifier: Apache-2.0
/** A layout that differs each time the page is loaded: a table, cards, a list of terms; ids and classes at random. */
import { chance, page, times } from "../site.mjs";

let loads = 0;

export default {
    name: "changed",
    description:
        "Return { title, author, year } of the book with the given signature, year as a number. The page does not look the same at " +
        "each visit: it shows the books as a table, as cards or as a list.",
    params: { signature: "QX-103" },
    make(seed) {
        const { pick, int, code } = chance(seed);
        return times(9, (i) => ({ signature: `QX-${101 + i}`, title: `On ${pick(["Tides", "Moss", "Glass"])} ${code(4)}`, author: `${pick(["R.", "S.", "T."])} ${code(5)}`, year: int(1900, 2020) }));
    },
    answer({ path }, data) {
        if (path !== "/") return;
        const c = `c${(++loads * 7919).toString(36)}`;
        const layouts = [
            () => `<table class="${c}"><tr><th>Signature</th><th>Title</th><th>Author</th><th>Year</th></tr>${data.map((b) => `<tr><td>${b.signature}</td><td>${b.title}</td><td>${b.author}</td><td>${b.year}</td></tr>`).join("")}</table>`,
            () => data.map((b) => `<article class="${c}" aria-label="${b.signature}"><h2>${b.title}</h2><p>Signature: ${b.signature}</p><p>Author: ${b.author}</p><p>Year: ${b.year}</p></article>`).join(""),
            () => data.map((b) => `<dl id="${c}${b.signature}"><dt>Signature</dt><dd>${b.signature}</dd><dt>Author</dt><dd>${b.author}</dd><dt>Year</dt><dd>${b.year}</dd><dt>Title</dt><dd>${b.title}</dd></dl>`).join(""),
        ];
        return page("Library", `<h1>Library</h1>${layouts[loads % 3]()}`);
    },
    fresh: () => [{ signature: "QX-101" }, { signature: "QX-108" }, { signature: "QX-105" }],
    expected: (data, { signature }) => {
        const { title, author, year } = data.find((b) => b.signature === signature);
        return { title, author, year };
    },
};
