// SPDX-License-Identifier: Apache-2.0
/** A table that is spread over pages. */
import { chance, page, times } from "../site.mjs";

const DEPARTMENTS = ["Sales", "Research", "Support", "Legal"];
const PER_PAGE = 7;

export default {
    name: "table",
    description:
        "The staff directory is a table spread over several pages. Read all pages and return " +
        "{ employees: [{ name, title, room }] } with everyone who works in the given department, in the order of the table.",
    params: { department: "Sales" },
    make(seed) {
        const { pick, int, code } = chance(seed);
        return times(31, (i) => ({
            name: `${pick(["Ada", "Ben", "Cleo", "Dov", "Eva", "Finn"])} ${code(5)}`,
            title: pick(["Clerk", "Lead", "Analyst"]),
            department: DEPARTMENTS[i % 4],
            room: `${int(1, 4)}.${int(10, 99)}`,
        }));
    },
    answer({ path, query }, data) {
        if (path !== "/") return;
        const at = Number(query.page ?? 1);
        const rows = data.slice((at - 1) * PER_PAGE, at * PER_PAGE);
        const next = at * PER_PAGE < data.length ? `<a href="/?page=${at + 1}" rel="next">Next page</a>` : "";
        return page(
            "Staff directory",
            `<h1>Staff directory</h1><table><thead><tr><th>Name</th><th>Title</th><th>Department</th><th>Room</th></tr></thead>
             <tbody>${rows.map((r) => `<tr><td>${r.name}</td><td>${r.title}</td><td>${r.department}</td><td>${r.room}</td></tr>`).join("")}</tbody></table>
             <p>Page ${at}</p>${next}`,
        );
    },
    fresh: () => [{ department: "Research" }, { department: "Legal" }],
    expected: (data, { department }) => ({
        employees: data
            .filter((each) => each.department === department)
            .map(({ name, title, room }) => ({ name, title, room })),
    }),
};
