// SPDX-License-Identifier: Apache-2.0
/** A list that grows when its end comes into view. */
import { chance, page, times } from "../site.mjs";

export default {
    name: "scroll",
    description:
        "The feed loads more notes when one scrolls to its end. Return { notes: [{ author, text }] } with the first " +
        "`count` notes, or all of them when there are fewer.",
    params: { count: 12 },
    make(seed) {
        const { pick, code } = chance(seed);
        return times(43, (i) => ({ author: pick(["ines", "joro", "kit", "lian"]), text: `Note ${i + 1}: ${code(8)}` }));
    },
    answer({ path, query }, data) {
        if (path === "/feed") return { json: data.slice(Number(query.from), Number(query.from) + 10) };
        if (path !== "/") return;
        return page(
            "Feed",
            `<h1>Feed</h1><div role="feed" id="feed"></div><p id="end" style="margin-top:300px">Loading</p><script>
            let from = 0, busy = false;
            const end = document.getElementById("end");
            const more = async () => {
                if (busy) return;
                busy = true;
                const notes = await (await fetch("/feed?from=" + from)).json();
                from += notes.length;
                for (const { author, text } of notes) {
                    const note = document.createElement("article");
                    note.style.height = "120px";
                    note.innerHTML = "<b></b> <p></p>";
                    note.querySelector("b").textContent = author;
                    note.querySelector("p").textContent = text;
                    document.getElementById("feed").append(note);
                }
                if (notes.length < 10) { watch.disconnect(); end.textContent = "That is all."; }
                busy = false;
            };
            const watch = new IntersectionObserver(([entry]) => entry.isIntersecting && more());
            watch.observe(end);</script>`,
        );
    },
    fresh: () => [{ count: 35 }, { count: 100 }, { count: 3 }],
    expected: (data, { count }) => ({ notes: data.slice(0, count) }),
};
