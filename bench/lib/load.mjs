// SPDX-License-Identifier: Apache-2.0
/** Load on an HTTP server: many small requests by wrk, few large ones from here. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { run } from "./children.mjs";
import { processorMs } from "./processes.mjs";

const SCRIPT = fileURLToPath(new URL("load.lua", import.meta.url));

/** Writes the file of requests that wrk plays. @param {{path: string, key: string, body: any}[]} requests */
export function requestFile(path, requests) {
    writeFileSync(
        path,
        requests.map(({ path, key, body }) => `${path}\t${key}\t${JSON.stringify(body)}\n`).join(""),
    );
    return path;
}

/**
 * Requests a second with so many keep-alive connections. An answer that is not 200 fails the bench: a
 * server that refuses is fast.
 */
export async function pressure(url, file, { connections = 64, seconds }) {
    const args = [
        "-t1",
        `-c${connections}`,
        `-d${seconds}s`,
        "--timeout",
        "10s",
        "-s",
        SCRIPT,
        url,
        "--",
        file,
    ];
    const out = await run("wrk", args);
    const result = JSON.parse(out.trim().split("\n").at(-1));
    assert.equal(result.failed, 0, `${url}: ${result.failed} of ${result.requests} requests failed\n${out}`);
    assert.ok(result.requests > 0, `${url} answered nothing\n${out}`);
    return { requests: result.requests, rate: (result.requests * 1e6) / result.us };
}

/** The same on a server of which one process does the work: also what a request costs it, in microseconds. */
export async function costedPressure(server, file, options) {
    const before = processorMs(server.pid);
    const { requests, rate } = await pressure(server.url, file, options);
    return { rate, cost: ((processorMs(server.pid) - before) * 1000) / requests };
}

/** One request over the agent's connection. @returns {Promise<any>} what stands under `json` */
export function ask(url, path, key, body, agent) {
    const data = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify({ json: body }));
    const headers = { "content-type": "application/json", "content-length": data.length, "x-api-key": key };
    return new Promise((resolve, reject) => {
        const sent = request(url + path, { method: "POST", agent, headers }, (answer) => {
            let text = "";
            answer.setEncoding("utf8").on("data", (piece) => (text += piece));
            answer.on("end", () =>
                answer.statusCode === 200
                    ? resolve(JSON.parse(text).json)
                    : reject(new Error(`${path} answered ${answer.statusCode}: ${text.slice(0, 2000)}`)),
            );
        });
        sent.on("error", reject).end(data);
    });
}

/** A page, over a connection that ends with it and so wakes nobody later. @returns {Promise<string>} */
export function get(url) {
    return new Promise((resolve, reject) => {
        const options = { agent: false, headers: { connection: "close" } };
        request(url, options, (answer) => {
            let text = "";
            answer.setEncoding("utf8").on("data", (piece) => (text += piece));
            answer.on("end", () => resolve(text));
        })
            .on("error", reject)
            .end();
    });
}

/** Connections that are kept; destroy() them. */
export const kept = (connections = 1) => new Agent({ keepAlive: true, maxSockets: connections });
