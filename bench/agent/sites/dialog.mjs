// SPDX-License-Identifier: Apache-2.0
/** A question that the browser itself asks, and a dialog of the page's own after it. */
import assert from "node:assert/strict";
import { chance, page, times } from "../site.mjs";

export default {
    name: "dialog",
    description:
        "Cancel the given subscription: confirm the browser's question, give the given reason in the dialog that follows, and return " +
        "{ message }, the sentence with which the site confirms it.",
    params: { subscription: "Paper", reason: "Too much to read" },
    make(seed) {
        const { code } = chance(seed);
        return { receipts: times(3, () => code(7)), cancelled: [] };
    },
    answer({ path, method, form }, data) {
        const names = ["Paper", "Music", "Films"];
        if (path === "/cancel" && method === "POST") {
            data.cancelled.push({ ...form });
            return page("Done", `<p role="status">${form.subscription} ends today, receipt ${data.receipts[names.indexOf(form.subscription)]}.</p>`);
        }
        if (path !== "/") return;
        return page(
            "Subscriptions",
            `<h1>Subscriptions</h1><ul>${names.map((each) => `<li>${each} <button onclick="ask('${each}')">Cancel</button></li>`).join("")}</ul>
             <dialog aria-label="Reason"><form method="post" action="/cancel"><input type="hidden" name="subscription"><label>Why do you leave? <textarea name="reason" required></textarea></label><button>Send</button></form></dialog>
             <script>function ask(name) { if (confirm("Really cancel " + name + "?")) { document.querySelector("[name=subscription]").value = name; document.querySelector("dialog").showModal(); } }</script>`,
        );
    },
    fresh: () => [{ subscription: "Films", reason: "Moved away" }, { subscription: "Music", reason: "Silence" }],
    expected: (data, { subscription }) => ({ message: `${subscription} ends today, receipt ${data.receipts[["Paper", "Music", "Films"].indexOf(subscription)]}.` }),
    verify(data, { subscription, reason }) {
        assert.deepEqual(data.cancelled.at(-1), { subscription, reason });
    },
};
