// SPDX-License-Identifier: Apache-2.0
/** A form that refuses what is not well written, and says so beside the field. */
import assert from "node:assert/strict";
import { chance, page } from "../site.mjs";

export default {
    name: "form",
    description:
        "Register the given person and return { confirmation }, the code that the site gives. The site takes telephone numbers " +
        "only as + and digits, without blanks; `phone` may come with blanks and dashes. The terms have to be accepted.",
    params: { name: "Ada Byron", email: "ada@example.org", phone: "+44 20 7946-0001" },
    make: (seed) => ({ seed, taken: [] }),
    answer({ path, method, form }, data) {
        if (path !== "/") return;
        const wrong = {};
        if (method === "POST") {
            if (!/\S+ \S+/.test(form.name)) wrong.name = "Give first and last name";
            if (!/^\S+@\S+\.\S+$/.test(form.email)) wrong.email = "This is no e-mail address";
            if (!/^\+\d{8,15}$/.test(form.phone)) wrong.phone = "Use + and digits only, such as +4420123456";
            if (form.terms !== "yes") wrong.terms = "Accept the terms";
            if (Object.keys(wrong).length === 0) {
                data.taken.push({ name: form.name, email: form.email, phone: form.phone });
                return page("Registered", `<h1>You are registered</h1><p>Your confirmation code is <strong>${codeFor(data.seed, form)}</strong>.</p>`);
            }
        }
        const field = (name, label, type = "text") =>
            `<p><label>${label} <input name="${name}" type="${type}" value="${form[name] ?? ""}"></label>${wrong[name] ? `<span role="alert">${wrong[name]}</span>` : ""}</p>`;
        return page(
            "Register",
            `<h1>Register</h1><form method="post" novalidate>${field("name", "Full name")}${field("email", "E-mail", "email")}${field("phone", "Telephone", "tel")}
             <p><label><input type="checkbox" name="terms" value="yes"> I accept the terms</label>${wrong.terms ? `<span role="alert">${wrong.terms}</span>` : ""}</p><button>Register</button></form>`,
        );
    },
    fresh: () => [
        { name: "Bela Kun", email: "bela@example.net", phone: "+36 1 555 0123" },
        { name: "Chika Ono", email: "chika.ono@example.com", phone: "+81-3-5555-0199" },
    ],
    expected: (data, params) => ({ confirmation: codeFor(data.seed, params) }),
    verify(data, { name, email, phone }) {
        assert.deepEqual(data.taken.at(-1), { name, email, phone: phone.replace(/[^+\d]/g, "") });
    },
};

const codeFor = (seed, { email }) => chance(seed * 7 + [...email].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 0) % 100_003).code(8);
