// SPDX-License-Identifier: Apache-2.0
/** A calendar to leaf through; the field itself takes no typing. */
import { chance, page } from "../site.mjs";

const iso = (day) => day.toISOString().slice(0, 10);

export default {
    name: "dates",
    description:
        "Choose the given date (YYYY-MM-DD) in the calendar and return { date, slots } with the free times of that day as a " +
        "list of strings such as 09:30; the list is empty when nothing is free.",
    params: { date: "2027-03-15" },
    make(seed) {
        const days = {};
        for (let day = new Date("2027-01-01T00:00:00Z"), n = 0; n < 800; n++, day.setUTCDate(day.getUTCDate() + 1)) {
            const { int, shuffled } = chance(seed * 1000 + n);
            days[iso(day)] = shuffled(["08:00", "09:30", "11:00", "14:15", "16:45"]).slice(0, int(0, 3)).sort();
        }
        return days;
    },
    answer({ path, query }, data) {
        if (path === "/slots") return { json: data[query.date] ?? [] };
        if (path !== "/") return;
        return page(
            "Appointments",
            `<h1>Appointments</h1><label>Date <input id="date" readonly placeholder="Choose a date"></label>
             <div id="calendar" role="dialog" aria-label="Calendar" hidden><button aria-label="Previous month">‹</button><strong id="month" aria-live="polite"></strong>
             <button aria-label="Next month">›</button><div id="days"></div></div><div id="slots"></div><script>
            const names = ["January","February","March","April","May","June","July","August","September","October","November","December"];
            const $ = (id) => document.getElementById(id);
            let year = 2027, month = 0;
            const draw = () => {
                $("month").textContent = names[month] + " " + year;
                const count = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
                $("days").innerHTML = Array.from({ length: count }, (_, i) => '<button class="d">' + (i + 1) + "</button>" + (i % 7 === 6 ? "<br>" : "")).join("");
            };
            const leaf = (by) => { const at = year * 12 + month + by; year = Math.floor(at / 12); month = at % 12; draw(); };
            $("date").onclick = () => { $("calendar").hidden = false; draw(); };
            const [before, after] = document.querySelectorAll("#calendar > button");
            before.onclick = () => leaf(-1);
            after.onclick = () => leaf(1);
            $("days").onclick = async ({ target }) => {
                if (!target.matches(".d")) return;
                const two = (n) => String(n).padStart(2, "0");
                const date = year + "-" + two(month + 1) + "-" + two(target.textContent);
                $("calendar").hidden = true;
                $("date").value = date;
                const slots = await (await fetch("/slots?date=" + date)).json();
                $("slots").innerHTML = "<h2>Free on " + date + "</h2>" + (slots.length ? "<ul>" + slots.map((s) => "<li>" + s + "</li>").join("") + "</ul>" : "<p>Nothing is free.</p>");
            };</script>`,
        );
    },
    fresh: () => [{ date: "2027-11-02" }, { date: "2028-02-29" }, { date: "2027-01-07" }],
    expected: (data, { date }) => ({ date, slots: data[date] }),
};
