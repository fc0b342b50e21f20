// SPDX-License-Identifier: Apache-2.0
/** Our server as the bench starts it: with the product's own settings, but for what a row names. */
import { createHash } from "node:crypto";
import { cpSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Child, run } from "./children.mjs";
import { get } from "./load.mjs";

export const BINARY =
    process.env.IMPRESARIO_BINARY ?? fileURLToPath(new URL("../../build/impresario", import.meta.url));
const WARM_MS = 60_000;
export const NODE = process.execPath;

/** Uploads are kept and nothing is built: what is measured then is the upload alone, as with the peers. */
export const NO_BUILDS = ["--build-workers", "0", "--queue-builds", "1000000"];
/** No browser is started ahead, so that none takes the processor from what is measured. */
export const NO_SLOTS = ["--warm-slots", "0"];

const digest = () => createHash("sha256").update(readFileSync(BINARY)).digest("hex");
const proven = digest();

/**
 * @param {string} data  folder
 * @param {string[]} args  further settings
 * @param {string[]} under  a command that starts it, as `strace`
 */
export async function startServer(data, args, under, env) {
    const server = await startEarly(data, args, under, env);
    await opened(server);
    return server;
}

/** As soon as it listens: the walls of boxes are still being tried, which takes a moment of both cores. */
export async function startEarly(data, args = [], under = [], env = {}) {
    if (digest() !== proven) throw new Error(`${BINARY} was changed while the bench ran: start again`);
    const [command, ...rest] = [
        ...under,
        BINARY,
        "serve",
        "--data",
        data,
        "--listen",
        "127.0.0.1:0",
        ...args,
    ];
    const child = await Child.start(command, rest, { ready: /^listening on (http:\/\/\S+)$/, env });
    return Object.assign(child, { url: child.said[1], data });
}

const opened = (server) => server.says(/"event":"sandbox\.(level|refused)"/);

/** Until a browser waits for the next job. */
export async function warm(server) {
    const until = performance.now() + WARM_MS;
    for (;;) {
        const { warm: slots } = JSON.parse(await get(`${server.url}/readyz`));
        if (slots > 0) return;
        if (performance.now() > until) throw new Error("no slot became warm");
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

/** A new key of a tenant, which is made when it is new. */
export async function newKey(data, tenant = "bench") {
    return (
        await run(BINARY, ["key", "create", "--data", data, "--tenant", tenant, "--label", "bench"])
    ).trim();
}

/** A data folder with tenants and a key each, to be copied: starting from the same costs a copy. */
export async function template(bench, tenants = 1) {
    const data = bench.scratch.folder("template");
    await (await startServer(data, NO_SLOTS)).end();
    const keys = [];
    for (let i = 0; i < tenants; i++) keys.push(await newKey(data, `bench-${i}`));
    return {
        keys,
        copy() {
            const copy = bench.scratch.folder("data");
            cpSync(data, copy, { recursive: true });
            return copy;
        },
    };
}
