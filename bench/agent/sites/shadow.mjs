// SPDX-License-Identifier: Apache-2.0
/** Controls inside open shadow roots, one within another. */
import { chance, page } from "../site.mjs";

const CURRENCIES = ["USD", "JPY", "CHF", "SEK"];

export default {
    name: "shadow",
    description:
        "Convert the given amount of euros into the given currency with the converter on the page, and return " +
        "{ converted } as a number.",
    params: { amount: 100, currency: "USD" },
    make(seed) {
        const { int } = chance(seed);
        return Object.fromEntries(CURRENCIES.map((each) => [each, int(50, 300) / 100]));
    },
    answer({ path }, data) {
        if (path !== "/") return;
        return page(
            "Converter",
            `<h1>Money</h1><money-converter></money-converter><script>
            const rates = ${JSON.stringify(data)};
            customElements.define("money-field", class extends HTMLElement {
                connectedCallback() {
                    this.attachShadow({ mode: "open" }).innerHTML = '<label>Amount in EUR <input inputmode="decimal"></label>';
                }
                get value() { return Number(this.shadowRoot.querySelector("input").value); }
            });
            customElements.define("money-converter", class extends HTMLElement {
                connectedCallback() {
                    const root = this.attachShadow({ mode: "open" });
                    root.innerHTML = '<money-field></money-field><label>Currency <select>' +
                        Object.keys(rates).map((each) => "<option>" + each + "</option>").join("") +
                        '</select></label><button>Convert</button><output aria-label="Result"></output>';
                    root.querySelector("button").onclick = () => setTimeout(() => {
                        const to = root.querySelector("select").value;
                        root.querySelector("output").textContent =
                            (root.querySelector("money-field").value * rates[to]).toFixed(2) + " " + to;
                    }, 150);
                }
            });</script>`,
        );
    },
    fresh: () => [{ amount: 12.5, currency: "CHF" }, { amount: 3000, currency: "JPY" }],
    expected: (data, { amount, currency }) => ({ converted: Number((amount * data[currency]).toFixed(2)) }),
};
