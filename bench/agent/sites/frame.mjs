// SPDX-License-Identifier: Apache-2.0
/** What is asked for stands in a frame. */
import { chance, page } from "../site.mjs";

const CITIES = ["Lisbon", "Oslo", "Quito", "Hanoi", "Perth"];

export default {
    name: "frame",
    description:
        "The weather of a city is shown by the forecast that is embedded in the page. Choose the given city there and " +
        "return { city, temperature, wind } with both as numbers, in °C and km/h.",
    params: { city: "Oslo" },
    make(seed) {
        const { int } = chance(seed);
        return Object.fromEntries(CITIES.map((city) => [city, { temperature: int(-10, 38), wind: int(0, 90) }]));
    },
    answer({ path, query }, data) {
        if (path === "/") return page("Travel news", `<h1>Travel news</h1><p>Before you go.</p><iframe title="Forecast" src="/forecast" width="500" height="300"></iframe>`);
        if (path !== "/forecast") return;
        const at = data[query.city];
        return page(
            "Forecast",
            `<form><label>City <select name="city" onchange="this.form.submit()"><option value="">Choose</option>${CITIES.map((c) => `<option${c === query.city ? " selected" : ""}>${c}</option>`).join("")}</select></label></form>
             ${at ? `<h2>${query.city}</h2><dl><dt>Temperature</dt><dd>${at.temperature} °C</dd><dt>Wind</dt><dd>${at.wind} km/h</dd></dl>` : ""}`,
        );
    },
    fresh: () => [{ city: "Quito" }, { city: "Perth" }],
    expected: (data, { city }) => ({ city, ...data[city] }),
};
