// SPDX-License-Identifier: Apache-2.0
/** Figures that come late, after placeholders that look like figures. */
import { chance, page } from "../site.mjs";

const SYMBOLS = ["ALFA", "BRVO", "CHRL", "DLTA", "ECHO"];

export default {
    name: "late",
    description:
        "Return { symbol, price, change } of the given share: price and change in percent as numbers. The page shows " +
        "zeros until the figures have arrived.",
    params: { symbol: "BRVO" },
    make(seed) {
        const { int } = chance(seed);
        return Object.fromEntries(SYMBOLS.map((each, i) => [each, { price: int(100, 90000) / 100, change: int(-900, 900) / 100, after: 200 + 350 * i }]));
    },
    answer({ path }, data) {
        if (path !== "/") return;
        return page(
            "Shares",
            `<h1>Shares</h1><table aria-busy="true"><tr><th>Symbol</th><th>Price</th><th>Change</th></tr>${SYMBOLS.map((each) => `<tr id="${each}" class="wait"><td>${each}</td><td>0.00</td><td>0.00 %</td></tr>`).join("")}</table><script>
            for (const [symbol, { price, change, after }] of Object.entries(${JSON.stringify(data)})) setTimeout(() => {
                const row = document.getElementById(symbol);
                row.cells[1].textContent = price.toFixed(2);
                row.cells[2].textContent = change.toFixed(2) + " %";
                row.classList.remove("wait");
            }, after);</script>`,
        );
    },
    fresh: () => [{ symbol: "ECHO" }, { symbol: "ALFA" }],
    expected: (data, { symbol }) => ({ symbol, price: data[symbol].price, change: data[symbol].change }),
};
