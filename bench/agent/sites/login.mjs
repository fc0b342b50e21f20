// SPDX-License-Identifier: Apache-2.0
/** A page behind a login; the credentials are known to the model by name only. */
import { chance, page, redirect, times } from "../site.mjs";

const credentials = { portal_user: "marta.k", portal_password: "Wren-4417-copper" };
const token = "t" + Buffer.from(credentials.portal_user).toString("hex");

export default {
    name: "login",
    description:
        "Sign in with the credentials portal_user and portal_password, open the orders, and return " +
        "{ orders: [{ number, total }] } with the orders that have the given status; total is a number.",
    params: { status: "open" },
    credentials,
    make(seed) {
        const { pick, int } = chance(seed);
        return times(14, () => ({
            number: `A-${int(10000, 99999)}`,
            status: pick(["open", "shipped", "returned"]),
            total: int(1000, 90000) / 100,
        }));
    },
    answer({ path, method, form, cookies }, data) {
        const login = (why = "") =>
            page(
                "Sign in",
                `<h1>Sign in</h1>${why && `<p role="alert">${why}</p>`}<form method="post" action="/login">
                 <label>User name <input name="user" autocomplete="username"></label>
                 <label>Password <input name="password" type="password"></label><button>Sign in</button></form>`,
            );
        if (path === "/login" && method === "POST") {
            const right = form.user === credentials.portal_user && form.password === credentials.portal_password;
            return right ? redirect("/", { "set-cookie": `s=${token}; Path=/; HttpOnly` }) : login("Wrong user name or password");
        }
        if (cookies.s !== token) return login();
        if (path === "/") return page("Account", `<h1>Welcome back</h1><nav><a href="/orders">Orders</a></nav>`);
        if (path !== "/orders") return;
        return page(
            "Orders",
            `<h1>Orders</h1><table><tr><th>Number</th><th>Status</th><th>Total</th></tr>${data
                .map((o) => `<tr><td>${o.number}</td><td>${o.status}</td><td>${o.total.toFixed(2)} EUR</td></tr>`)
                .join("")}</table>`,
        );
    },
    fresh: () => [{ status: "shipped" }, { status: "returned" }],
    expected: (data, { status }) => ({
        orders: data.filter((o) => o.status === status).map(({ number, total }) => ({ number, total })),
    }),
};
