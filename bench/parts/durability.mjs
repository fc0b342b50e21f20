// SPDX-License-Identifier: Apache-2.0
/**
 * Before anything is measured: the server and its peers keep what a 200 says. Each answers creates under strace,
 * and the bench ends here when something that it wrote was not synced when its answer left.
 */
import { join } from "node:path";
import { uploadOfSize } from "../lib/bundles.mjs";
import { ask, kept } from "../lib/load.mjs";
import { startOrpc } from "../lib/peers.mjs";
import { judgeFile, watched } from "../lib/promises.mjs";
import { NO_BUILDS, NO_SLOTS, startServer, template } from "../lib/server.mjs";

const CREATES = 8;
/** In turn: small ones may be kept in another way than large ones. */
const SIZES = [4096, 65536];
const sizeOf = (nth) => SIZES[nth % SIZES.length];

export const title = "What a 200 promises";

/** Creates some, one after the other, and judges what was asked of the kernel meanwhile. */
export async function observe(bench, key, start) {
    const file = join(bench.scratch.folder("trace"), "trace");
    const server = await start(watched(file));
    const agent = kept();
    for (let i = 0; i <= CREATES; i++)
        await ask(server.url, "/v1/deployments/create", key, uploadOfSize(sizeOf(i)), agent);
    agent.destroy();
    await server.end();
    const found = judgeFile(file, server.data, { least: (nth) => sizeOf(nth - 1) });
    if (found.answers !== CREATES) found.broken.push(`${found.answers} of ${CREATES} answers were seen`);
    return found.broken;
}

/** Our server as rows start it, under `under`. `env` is for the tests of this check. */
export const ours = (made, env) => (under) =>
    startServer(made.copy(), [...NO_SLOTS, ...NO_BUILDS], under, env);

export async function run(bench) {
    const made = await template(bench);
    const servers = {
        impresario: ours(made),
        "oRPC on Node": (under) => startOrpc(bench, "node", { keys: made.keys }, under),
        "oRPC on Bun": (under) => startOrpc(bench, "bun", { keys: made.keys }, under),
    };
    for (const [name, start] of Object.entries(servers)) {
        const broken = await observe(bench, made.keys[0], start);
        if (broken.length)
            throw new Error(`${name} answered 200 before it was on disk:\n${broken.join("\n")}`);
        bench.say(`${name}: ${CREATES} creates, each on disk when its answer left`);
    }
}
