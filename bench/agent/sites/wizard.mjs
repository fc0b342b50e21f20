// SPDX-License-Identifier: Apache-2.0
/** Several steps, each with choices of its own; the price comes at the end. */
import { chance, page } from "../site.mjs";

const PLACES = ["Malta", "Iceland", "Crete"];
const EXTRAS = ["Breakfast", "Parking", "Late check-out"];

export default {
    name: "wizard",
    description:
        "Go through the steps of the booking for the given destination, number of nights and extras, and return { total, reference } " +
        "from the last page: the total in EUR as a number, and the reference of the offer.",
    params: { destination: "Malta", nights: 3, extras: ["Breakfast"] },
    make(seed) {
        const { int, code } = chance(seed);
        return { reference: code(6), night: Object.fromEntries(PLACES.map((p) => [p, int(40, 300)])), extra: Object.fromEntries(EXTRAS.map((e) => [e, int(5, 40)])) };
    },
    answer({ path }, data) {
        if (path !== "/") return;
        return page(
            "Booking",
            `<h1>Booking</h1><main></main><script>
            const { reference, night, extra } = ${JSON.stringify(data)};
            const main = document.querySelector("main");
            const show = (title, body) => (main.innerHTML = "<h2>" + title + "</h2>" + body + "<p><button>Continue</button></p>");
            const go = (then) => (main.querySelector("button").onclick = then);
            const choice = { extras: [] };
            const first = () => {
                show("Where to?", Object.keys(night).map((p) => '<label><input type="radio" name="p" value="' + p + '"> ' + p + "</label>").join(""));
                go(() => { choice.place = main.querySelector(":checked")?.value; if (choice.place) second(); });
            };
            const second = () => {
                show("How long?", '<p>Nights <output>1</output> <button type="button" aria-label="One night more">+</button></p>');
                const [more, on] = main.querySelectorAll("button");
                more.onclick = () => (main.querySelector("output").value = Number(main.querySelector("output").value) + 1);
                on.onclick = () => { choice.nights = Number(main.querySelector("output").value); third(); };
            };
            const third = () => {
                show("Anything else?", Object.keys(extra).map((e) => '<label><input type="checkbox" value="' + e + '"> ' + e + "</label>").join(""));
                go(() => {
                    choice.extras = [...main.querySelectorAll(":checked")].map((e) => e.value);
                    main.innerHTML = "<p>We ask for your price.</p>";
                    setTimeout(last, 300);
                });
            };
            const last = () => {
                const total = choice.nights * night[choice.place] + choice.extras.reduce((sum, e) => sum + extra[e], 0);
                main.innerHTML = "<h2>Your offer</h2><dl><dt>Total</dt><dd>" + total.toFixed(2) + " EUR</dd><dt>Reference</dt><dd>" + reference + "</dd></dl>";
            };
            first();</script>`,
        );
    },
    fresh: () => [{ destination: "Crete", nights: 7, extras: ["Parking", "Late check-out"] }, { destination: "Iceland", nights: 1, extras: [] }],
    expected: (data, { destination, nights, extras }) => ({
        total: nights * data.night[destination] + extras.reduce((sum, each) => sum + data.extra[each], 0),
        reference: data.reference,
    }),
};
