// SPDX-License-Identifier: Apache-2.0
/** A list that a button makes longer until it is gone. */
import { chance, page, times } from "../site.mjs";

export default {
    name: "more",
    description: "Return { releases: [{ version, date }] } with all releases of the given year, in the order of the page, which shows only a few of them at first.",
    params: { year: 2024 },
    make(seed) {
        const { int } = chance(seed);
        return times(26, (i) => ({ version: `v${9 - Math.floor(i / 5)}.${4 - (i % 5)}.${int(0, 9)}`, date: `${2026 - Math.floor(i / 7)}-${String(12 - (i % 7)).padStart(2, "0")}-${String(int(1, 28)).padStart(2, "0")}` }));
    },
    answer({ path, query }, data) {
        const items = (from) => data.slice(from, from + 6).map(({ version, date }) => `<li><b>${version}</b> <time datetime="${date}">${date}</time></li>`).join("");
        if (path === "/more") return { json: { html: items(Number(query.from)), left: data.length - Number(query.from) - 6 } };
        if (path !== "/") return;
        return page(
            "Releases",
            `<h1>Releases</h1><ol>${items(0)}</ol><button id="more">Load more</button><script>
            let from = 6;
            const button = document.getElementById("more");
            button.onclick = async () => {
                button.disabled = true;
                const { html, left } = await (await fetch("/more?from=" + from)).json();
                from += 6;
                setTimeout(() => {
                    document.querySelector("ol").insertAdjacentHTML("beforeend", html);
                    button.disabled = false;
                    if (left <= 0) button.remove();
                }, 60);
            };</script>`,
        );
    },
    fresh: () => [{ year: 2026 }, { year: 2023 }],
    expected: (data, { year }) => ({ releases: data.filter(({ date }) => date.startsWith(String(year))) }),
};
