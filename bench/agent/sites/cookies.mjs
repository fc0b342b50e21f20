// SPDX-License-Identifier: Apache-2.0
/** A banner that covers the page until it is answered, not at once and not at every visit, and answers that unfold. */
import { chance, page } from "../site.mjs";

const QUESTIONS = ["How do I return goods?", "When do you deliver?", "Which cards do you take?"];

export default {
    name: "cookies",
    description: "Find the given question among the frequent questions and return { answer }, the text of its answer. Refuse cookies when the site asks.",
    params: { question: "When do you deliver?" },
    make(seed) {
        const { code } = chance(seed);
        return Object.fromEntries(QUESTIONS.map((each) => [each, `As ${code(5)} says, ask ${code(4)}.`]));
    },
    answer({ path, query }, data) {
        if (path === "/answer") return { json: { answer: data[query.q] ?? "" } };
        if (path !== "/") return;
        return page(
            "Help",
            `<h1>Help</h1>${QUESTIONS.map((each) => `<h2><button aria-expanded="false">${each}</button></h2><div hidden></div>`).join("")}<script>
            for (const button of document.querySelectorAll("h2 button")) button.onclick = async () => {
                const place = button.parentElement.nextElementSibling;
                place.textContent = (await (await fetch("/answer?q=" + encodeURIComponent(button.textContent))).json()).answer;
                place.hidden = false;
                button.setAttribute("aria-expanded", "true");
            };
            setTimeout(() => {
                const cover = document.createElement("div");
                cover.setAttribute("role", "dialog");
                cover.setAttribute("aria-label", "Cookies");
                cover.style = "position:fixed;inset:0;background:#fffe;padding:3em";
                cover.innerHTML = "<p>We value your privacy.</p><button>Accept all</button> <button>Refuse</button>";
                cover.onclick = ({ target }) => target.tagName === "BUTTON" && cover.remove();
                document.body.append(cover);
            }, 80);</script>`,
        );
    },
    fresh: () => [{ question: "How do I return goods?" }, { question: "Which cards do you take?" }],
    expected: (data, { question }) => ({ answer: data[question] }),
};
