// SPDX-License-Identifier: Apache-2.0
/** A field that proposes while one types, and takes only what it has proposed. */
import { chance, page } from "../site.mjs";

const AIRPORTS = ["Hamburg", "Hanover", "Harare", "Havana", "Helsinki", "Hobart", "Honolulu"];

export default {
    name: "suggest",
    description: "Choose the given airport from the proposals of the field and return { code, gates }: its code, and the number of its gates as a number.",
    params: { airport: "Helsinki" },
    make(seed) {
        const { int, code } = chance(seed);
        return Object.fromEntries(AIRPORTS.map((each) => [each, { code: code(3), gates: int(2, 90) }]));
    },
    answer({ path, query }, data) {
        if (path === "/like") return { json: AIRPORTS.filter((each) => each.toLowerCase().startsWith(query.q.toLowerCase())).slice(0, 4) };
        if (path === "/airport") return { json: data[query.name] };
        if (path !== "/") return;
        return page(
            "Airports",
            `<h1>Airports</h1><label>Airport <input role="combobox" aria-controls="like" aria-autocomplete="list" aria-expanded="false"></label><ul id="like" role="listbox"></ul><p id="about"></p><script>
            const input = document.querySelector("input"), like = document.getElementById("like"), about = document.getElementById("about");
            let timer;
            input.onkeyup = () => {
                clearTimeout(timer);
                timer = setTimeout(async () => {
                    const names = input.value.length < 2 ? [] : await (await fetch("/like?q=" + input.value)).json();
                    like.innerHTML = names.map((n) => '<li role="option">' + n + "</li>").join("");
                }, 200);
            };
            like.onmousedown = async ({ target }) => {
                like.innerHTML = "";
                input.value = target.textContent;
                const { code, gates } = await (await fetch("/airport?name=" + input.value)).json();
                about.innerHTML = "Code <b>" + code + "</b>, gates <b>" + gates + "</b>";
            };</script>`,
        );
    },
    fresh: () => [{ airport: "Honolulu" }, { airport: "Harare" }],
    expected: (data, { airport }) => data[airport],
};
