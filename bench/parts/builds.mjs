// SPDX-License-Identifier: Apache-2.0
/**
 * From an upload to `ready`, as a client sees it: it creates, and waits with `wait_seconds`. The peer is what
 * a person would do by hand with the same package: unpack it, `npm ci` from a warm cache, import it in Node.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bootstrap } from "../../test/support/artifact.mjs";
import { packageOf, upload, workflowModule } from "../lib/bundles.mjs";
import { run as runCommand } from "../lib/children.mjs";
import { ask, kept } from "../lib/load.mjs";
import { NODE, NO_SLOTS, startServer, template } from "../lib/server.mjs";
import { figure, inTurn } from "../lib/turns.mjs";

const DEPENDENCIES = { cheerio: "1.1.2", zod: "4.6.7" };
const LIBRETTO = `import { workflow } from "libretto";
export const again = workflow("again", { handler: async () => null });
`;
const NPM = fileURLToPath(new URL("../../runner/node_modules/npm/bin/npm-cli.js", import.meta.url));

export const title = "Builds";

/** The package with something new in it, so that no one has seen it before. */
const module = (mark) =>
    workflowModule("priced", {
        head: `import { load } from "cheerio";\nimport { z } from "zod";\nexport const mark = ${JSON.stringify(mark)};`,
        body: "return z.string().parse(load('<p>1</p>')('p').text());",
    });

async function script(folder, files) {
    for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
    await runCommand(NODE, [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], {
        cwd: folder,
    });
    await runCommand(NODE, ["-e", 'import("./index.js").then((m) => { if (!m.only) process.exit(1); })'], {
        cwd: folder,
    });
}

/** The package with its lockfile, made once; npm's cache is warm then. */
async function locked(bench) {
    const folder = bench.scratch.folder("lock");
    writeFileSync(join(folder, "package.json"), packageOf("", DEPENDENCIES)["package.json"]);
    await runCommand(NODE, [NPM, "install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
    return { "package-lock.json": readFileSync(join(folder, "package-lock.json"), "utf8") };
}

export async function run(bench) {
    const { keys, copy } = await template(bench);
    const server = await startServer(copy(), NO_SLOTS);
    const agent = kept();
    const lock = await locked(bench);
    const filesOf = (mark) => packageOf(module(mark), DEPENDENCIES, lock);
    let created = 0;

    /** @returns milliseconds until it was ready; `created` then says how many until create had answered */
    async function deploy(body) {
        const from = performance.now();
        const { deployment_id: id } = await ask(server.url, "/v1/deployments/create", keys[0], body, agent);
        created = performance.now() - from;
        const done = await ask(server.url, "/v1/deployments/sync", keys[0], { id, wait_seconds: 60 }, agent);
        assert.equal(done.status, "ready", done.build_error);
        return performance.now() - from;
    }

    const first = filesOf("first");
    await deploy(upload(first)); // installs the dependencies
    const known = await inTurn(
        {
            ours: (round) => deploy(upload(filesOf(`ours-${round}`))),
            script: async (round) => {
                const folder = bench.scratch.folder("script");
                const from = performance.now();
                await script(folder, filesOf(`script-${round}`));
                const took = performance.now() - from;
                await rm(folder, { recursive: true });
                return took;
            },
        },
        bench.rounds,
        bench.progress,
    );
    bench.row({
        id: "build/known-dependencies",
        what: "create -> ready, dependencies seen before",
        unit: "ms",
        better: "less",
        ours: known.ours,
        peer: known.script,
        peerName: "npm ci && node import",
        target: { times: 10, atMost: 100 },
    });

    // As the public client uploads it: a new name each time, so that the bytes are never the same.
    const code = { "index.ts": LIBRETTO };
    await deploy(await bootstrap(code));
    const found = { ready: [], commit: [] };
    for (let round = 0; round < bench.rounds; round++) {
        bench.progress(round, bench.rounds, "the same content");
        const body = await bootstrap(code);
        const ready = await deploy(body);
        found.ready.push(ready - created);
        found.commit.push(created);
    }
    bench.row({
        id: "build/same-content",
        what: "the same content again: from created to ready",
        unit: "ms",
        better: "less",
        ours: figure(found.ready),
        peer: figure(found.commit),
        peerName: "its own create, durable",
        target: { times: 1 },
    });
    agent.destroy();
    await server.end();
}
