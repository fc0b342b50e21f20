// SPDX-License-Identifier: Apache-2.0
/**
 * Serves one site of the bench on loopback. A site is a module whose default export has
 *
 *   name, description, params, credentials?   what the build is asked for; `params` is its example input
 *   make(seed)                                the site's data, the same for the same seed
 *   answer(ask, data)                         a page: HTML, `{json}`, `{status?, headers?, body}`, or nothing for 404
 *   fresh(data)                               inputs that the build never saw
 *   expected(data, params)                    what the deployed workflow must return for them
 *   verify?(data, params, result)             what else must hold: what the site has seen; throws
 *
 * The build sees the data of seed 1, the check runs on the data of another seed: a workflow that has
 * remembered what it saw fails.
 */
import { createServer } from "node:http";
import { once } from "node:events";

/** A small generator of numbers (mulberry32), and what sites draw with it. */
export function chance(seed) {
    let state = seed * 0x9e3779b9;
    const next = () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const int = (least, most) => least + Math.floor(next() * (most - least + 1));
    return {
        int,
        pick: (list) => list[int(0, list.length - 1)],
        shuffled: (list) => {
            const all = [...list];
            for (let i = all.length - 1; i > 0; i--) {
                const j = int(0, i);
                [all[i], all[j]] = [all[j], all[i]];
            }
            return all;
        },
        code: (letters) => Array.from({ length: letters }, () => "ABCDEFGHJKMNPQRSTUVWXYZ23456789"[int(0, 30)]).join(""),
    };
}

export const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
export const page = (title, body, head = "") =>
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>${head}</head><body>${body}</body></html>`;
export const redirect = (location, headers = {}) => ({ status: 303, headers: { location, ...headers }, body: "" });

/** @returns {Promise<{url: string, data: any, reseed: (seed: number) => void, close: () => Promise<void>}>} */
export async function serve(site, seed = 1) {
    const running = { data: site.make(seed), reseed: (other) => (running.data = site.make(other)) };
    const server = createServer(async (request, response) => {
        try {
            const ask = await read(request);
            send(response, (await site.answer(ask, running.data)) ?? { status: 404, body: "Not found" });
        } catch (error) {
            send(response, { status: 500, body: error.stack });
        }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    running.url = `http://127.0.0.1:${server.address().port}/`;
    running.close = async () => {
        server.close();
        server.closeAllConnections();
        await once(server, "close").catch(() => {});
    };
    return running;
}

async function read(request) {
    const url = new URL(request.url, "http://site");
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const type = request.headers["content-type"] ?? "";
    return {
        method: request.method,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        cookies: Object.fromEntries((request.headers.cookie ?? "").split("; ").map((each) => each.split("="))),
        body,
        form: type.startsWith("application/x-www-form-urlencoded")
            ? Object.fromEntries(new URLSearchParams(body.toString()))
            : {},
    };
}

function send(response, answer) {
    if (typeof answer === "string") answer = { body: answer };
    if ("json" in answer) {
        answer = { ...answer, body: JSON.stringify(answer.json), headers: { "content-type": "application/json" } };
    }
    response.writeHead(answer.status ?? 200, { "content-type": "text/html; charset=utf-8", ...answer.headers });
    response.end(answer.body);
}
