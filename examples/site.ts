// SPDX-License-Identifier: Apache-2.0
//
// A small shop with a list in pages, a sign-in and a file to download. The workflows serve it to
// themselves when they are given no URL, so that they run anywhere, also without a network.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const PRODUCTS = Array.from({ length: 23 }, (_, i) => ({
    name: `Lamp No. ${i + 1}`,
    price: 19.5 + i,
}));
const PAGE_SIZE = 8;
const SESSION = "session=open";

export const STATEMENT =
    "date,text,amount\n2026-01-05,Lamp No. 3,-21.50\n2026-01-09,Refund,21.50\n";

/** Runs `work` with the address of a site: the given one, or a fresh one of our own. */
export async function withSite<Result>(
    url: string | undefined,
    work: (origin: string) => Promise<Result>,
): Promise<Result> {
    if (url !== undefined) return work(url.replace(/\/$/, ""));

    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    const signedIn = request.headers.cookie?.includes(SESSION) ?? false;

    switch (`${request.method} ${pathname}`) {
        case "GET /":
            return html(
                response,
                "The Lamp Shop",
                "<p>Lamps since 1891.</p><a href='/products'>All lamps</a>",
            );
        case "GET /products":
            return html(response, "All lamps", products(Number(searchParams.get("page") ?? "1")));
        case "GET /login":
            return html(response, "Sign in", SIGN_IN);
        case "POST /login":
            return void signIn(request, response);
        case "GET /account":
            if (!signedIn) return redirect(response, "/login");
            return html(
                response,
                "Your account",
                "<a href='/statement.csv' download>Download the statement</a>",
            );
        case "GET /statement.csv":
            if (!signedIn) return redirect(response, "/login");
            response.writeHead(200, {
                "content-type": "text/csv",
                "content-disposition": 'attachment; filename="statement.csv"',
            });
            return void response.end(STATEMENT);
        default:
            response.statusCode = 404;
            return html(response, "Not found", "<p>There is no such page.</p>");
    }
}

function products(page: number): string {
    const shown = PRODUCTS.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE);
    const rows = shown.map(
        ({ name, price }) =>
            `<li><b>${name}</b> <data value="${price}">${price.toFixed(2)} EUR</data></li>`,
    );
    const next =
        page * PAGE_SIZE < PRODUCTS.length
            ? `<a rel="next" href="/products?page=${page + 1}">Next page</a>`
            : "";

    return `<ul>${rows.join("")}</ul>${next}`;
}

const SIGN_IN = `
    <form method="post" action="/login">
        <label>User <input name="user"></label>
        <label>Password <input name="password" type="password"></label>
        <button>Sign in</button>
    </form>`;

/** Everybody is welcome who has a password. */
async function signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += chunk;

    const form = new URLSearchParams(body);
    if (!form.get("user") || !form.get("password")) {
        return html(
            response,
            "Sign in",
            `<p role="alert">User or password is wrong.</p>${SIGN_IN}`,
        );
    }
    response.setHeader("set-cookie", `${SESSION}; HttpOnly; Path=/`);
    redirect(response, "/account");
}

function html(response: ServerResponse, title: string, body: string): void {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><title>${title}</title><h1>${title}</h1>${body}`);
}

function redirect(response: ServerResponse, location: string): void {
    response.writeHead(303, { location }).end();
}
