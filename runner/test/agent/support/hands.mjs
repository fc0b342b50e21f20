// SPDX-License-Identifier: Apache-2.0
//
// The server's end of agent.mjs, and a small site of pages kept in an object.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { makeBox, runner } from "../../support/box.mjs";

/* Chromium refuses its sandbox to root: a user namespace of its own, as a slot's tests have it. */
const WALLS = [
    "--unshare-user",
    "--unshare-pid",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--die-with-parent",
];
const PLACES = ["--dev-bind", "/", "/", "--proc", "/proc", "--"];

/** @param {{ [path: string]: string | ((request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void) }} pages */
export async function makeSite(pages) {
    const server = createServer((request, response) => {
        const page = pages[new URL(request.url, "http://site").pathname];

        if (typeof page === "function") return page(request, response);
        response.writeHead(page === undefined ? 404 : 200, {
            "content-type": "text/html; charset=utf-8",
        });
        response.end(page ?? "nothing here");
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
        origin: `http://127.0.0.1:${server.address().port}`,
        port: server.address().port,
        close() {
            server.closeAllConnections();
            server.close();
        },
    };
}

/** Starts the hands and opens a page. */
export async function openHands(url, { credentials = {}, viewport = null, ...more } = {}) {
    const box = makeBox({});
    const child = spawn(
        "bwrap",
        [...WALLS, ...PLACES, process.execPath, join(runner, "agent.mjs")],
        {
            cwd: box.app,
            env: {
                PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
                HOME: join(box.work, "home"),
                TMPDIR: join(box.work, "tmp"),
                LANG: "C.UTF-8",
                IMPRESARIO_WORK: box.work,
            },
            stdio: ["ignore", "inherit", "inherit", "pipe"],
        },
    );
    const frames = [];
    const waiting = [];
    const lines = createInterface(child.stdio[3]);
    const ended = new Promise((resolve) => child.on("close", resolve));

    lines.on("line", (line) => {
        const frame = JSON.parse(line);
        if (waiting.length > 0) waiting.shift()(frame);
        else frames.push(frame);
    });
    child.stdio[3].on("error", () => {});

    const next = () =>
        frames.length > 0
            ? Promise.resolve(frames.shift())
            : Promise.race([
                  new Promise((resolve) => waiting.push(resolve)),
                  ended.then(() => frames.shift() ?? { t: "ended" }),
              ]);
    const send = (frame) => child.stdio[3].write(JSON.stringify(frame) + "\n");

    send({ t: "open", url, viewport, credentials, ...more });
    const opened = await next();
    let id = 0;

    return {
        opened,
        next,
        async call(tool, input = {}, timeout_ms = 20_000) {
            send({ t: "call", id: ++id, tool, input, timeout_ms });
            const answer = await next();
            if (answer.t === "answer" && answer.id !== id) throw new Error(JSON.stringify(answer));
            return answer;
        },
        async close() {
            child.stdio[3].end();
            await ended;
            box.remove();
        },
    };
}
