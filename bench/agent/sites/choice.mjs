// SPDX-License-Identifier: Apache-2.0
/** A select that fills another one, which is no real select. */
import { chance, page } from "../site.mjs";

const PLACES = { France: ["Paris", "Lyon", "Nice"], Japan: ["Tokyo", "Osaka"], Kenya: ["Nairobi", "Kisumu"] };

export default {
    name: "choice",
    description: "Choose the given country and city and return { street, phone } of the office there.",
    params: { country: "France", city: "Lyon" },
    make(seed) {
        const { int, code } = chance(seed);
        return Object.fromEntries(Object.values(PLACES).flat().map((city) => [city, { street: `${int(1, 90)} ${code(5)} Street`, phone: `+${int(10, 99)} ${int(1000, 9999)}` }]));
    },
    answer({ path, query }, data) {
        if (path === "/cities") return { json: PLACES[query.country] ?? [] };
        if (path === "/office") return { json: data[query.city] };
        if (path !== "/") return;
        return page(
            "Offices",
            `<h1>Offices</h1><label>Country <select id="country"><option value="">Choose</option>${Object.keys(PLACES).map((c) => `<option>${c}</option>`).join("")}</select></label>
             <div><span id="l">City</span> <div id="city" role="combobox" tabindex="0" aria-labelledby="l" aria-expanded="false" aria-controls="list" aria-disabled="true">None</div>
             <ul id="list" role="listbox" hidden></ul></div><address></address><script>
            const $ = (id) => document.getElementById(id);
            const get = async (url) => (await fetch(url)).json();
            $("country").onchange = async () => {
                const cities = await get("/cities?country=" + $("country").value);
                $("list").innerHTML = cities.map((c) => '<li role="option">' + c + "</li>").join("");
                $("city").setAttribute("aria-disabled", "false");
                $("city").textContent = "Choose";
            };
            $("city").onclick = () => { if ($("city").getAttribute("aria-disabled") === "false") $("list").hidden = !$("list").hidden; };
            $("list").onclick = async ({ target }) => {
                $("list").hidden = true;
                $("city").textContent = target.textContent;
                const { street, phone } = await get("/office?city=" + target.textContent);
                document.querySelector("address").innerHTML = "<p>" + street + "</p><p>" + phone + "</p>";
            };</script>`,
        );
    },
    fresh: () => [{ country: "Japan", city: "Osaka" }, { country: "Kenya", city: "Nairobi" }],
    expected: (data, { city }) => data[city],
};
