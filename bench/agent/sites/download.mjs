// SPDX-License-Identifier: Apache-2.0
/** A file that a click downloads. */
import { chance, page, times } from "../site.mjs";

const MONTHS = ["January", "February", "March", "April"];

export default {
    name: "download",
    description:
        "Download the statement (CSV) of the given month and return { filename, entries, total }: the name of the file, " +
        "how many entries it has, and the sum of their amounts rounded to two decimals.",
    params: { month: "January" },
    make(seed) {
        const { int, code } = chance(seed);
        return Object.fromEntries(MONTHS.map((month) => [month, times(int(3, 15), () => ({ text: code(6), amount: int(-5000, 9000) }))]));
    },
    answer({ path }, data) {
        const month = MONTHS.find((each) => path === `/statements/${each}`);
        if (month) {
            return {
                headers: { "content-type": "text/csv", "content-disposition": `attachment; filename="statement-${month.toLowerCase()}.csv"` },
                body: ["text;amount", ...data[month].map(({ text, amount }) => `${text};${(amount / 100).toFixed(2)}`)].join("\r\n") + "\r\n",
            };
        }
        if (path !== "/") return;
        return page("Statements", `<h1>Statements</h1><table>${MONTHS.map((each) => `<tr><th scope="row">${each}</th><td><a href="/statements/${each}">Download</a></td></tr>`).join("")}</table>`);
    },
    fresh: () => [{ month: "February" }, { month: "April" }],
    expected: (data, { month }) => ({
        filename: `statement-${month.toLowerCase()}.csv`,
        entries: data[month].length,
        total: data[month].reduce((sum, { amount }) => sum + amount, 0) / 100,
    }),
};
