// SPDX-License-Identifier: Apache-2.0
/**
 * What takes an upload apart: base64 and digest as it comes, gzip in its box. Each alone, on one thread, in
 * processor time (bench/decoders.c), beside what Debian has besides.
 */
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { run as runCommand } from "../lib/children.mjs";
import { BINARY } from "../lib/server.mjs";
import { figure } from "../lib/turns.mjs";

const PROGRAM = join(dirname(BINARY), "bench", "bench_decoders");
const CODE = fileURLToPath(new URL("../../runner/node_modules/playwright-core", import.meta.url));

export const title = "Decoders";

export async function run(bench) {
    const archive = join(bench.scratch.folder("decoders"), "code.tgz");
    await runCommand("tar", ["czf", archive, "-C", CODE, "."]);
    const found = {};
    for (let round = 0; round < bench.rounds; round++) {
        bench.progress(round, bench.rounds, "all of them");
        for (const line of (await runCommand(PROGRAM, [archive])).trim().split("\n")) {
            const [name, rate] = line.split(" ");
            (found[name] ??= []).push(Number(rate));
        }
    }
    const row = (name, what, peers) => {
        const [peer] = peers.filter((each) => found[each]).sort((a, b) => Math.max(...found[b]) - Math.max(...found[a]));
        bench.row({
            id: `decoders/${name}`,
            what,
            unit: "MiB/s",
            better: "more",
            ours: figure(found[name]),
            ...(peer && { peer: figure(found[peer]), peerName: peer.split("/")[1] }),
        });
    };
    row("base64/ours", "base64, in pieces, both alphabets", ["base64/OpenSSL"]);
    row("digest/SHA-256", "SHA-256, by OpenSSL", []);
    row("gzip/zlib", "gzip by zlib, in pieces, as boxes unpack", ["gzip/libdeflate", "gzip/ISA-L"]);
}
