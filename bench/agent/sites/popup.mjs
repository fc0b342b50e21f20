// SPDX-License-Identifier: Apache-2.0
/** Details that open in a window of their own. */
import { chance, page, times } from "../site.mjs";

export default {
    name: "popup",
    description: "Open the details of the given invoice, which come in a new window, and return { amount, due }: the amount as a number, the due date as the page writes it.",
    params: { invoice: "INV-3" },
    make(seed) {
        const { int } = chance(seed);
        return Object.fromEntries(times(6, (i) => [`INV-${i + 1}`, { amount: int(1000, 99999) / 100, due: `${int(1, 28)} May ${int(2027, 2031)}` }]));
    },
    answer({ path, query }, data) {
        if (path === "/") return page("Invoices", `<h1>Invoices</h1>${Object.keys(data).map((each) => `<p>${each} <button aria-label="Details of ${each}" onclick="open('/details?invoice=${each}', 'details', 'width=400,height=300')">Details</button></p>`).join("")}`);
        const found = path === "/details" && data[query.invoice];
        if (found) return page(query.invoice, `<h1>${query.invoice}</h1><p>Amount: <b>${found.amount.toFixed(2)} EUR</b></p><p>Due: <b>${found.due}</b></p>`);
    },
    fresh: () => [{ invoice: "INV-1" }, { invoice: "INV-6" }],
    expected: (data, { invoice }) => data[invoice],
};
