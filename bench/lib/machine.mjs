// SPDX-License-Identifier: Apache-2.0
/** The machine and the versions, for the head of a report. */
import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { BUN, PEERS } from "./peers.mjs";
import { BINARY } from "./server.mjs";

function said(command, args, pattern = /(\S+)\s*$/) {
    try {
        const options = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
        return (
            pattern.exec(execFileSync("sh", ["-c", '"$0" "$@" 2>&1 || :', command, ...args], options))?.[1] ??
            "?"
        );
    } catch {
        return "absent";
    }
}

const FILE_SYSTEMS = { 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlay" };

/** @param {string} scratch  where the data lay */
export function machine(scratch) {
    const versionOf = (name) =>
        JSON.parse(readFileSync(`${PEERS}/node_modules/${name}/package.json`, "utf8")).version;
    const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
    const { type } = statfsSync(scratch);

    return {
        processor: cpus()[0].model,
        cores: availableParallelism(),
        memory_gib: Math.round(totalmem() / 2 ** 30),
        system: `${system}, Linux ${release()}`,
        file_system: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
        versions: {
            impresario: said(BINARY, ["--version"]),
            node: process.version.slice(1),
            bun: said(BUN, ["--version"]),
            nginx: said("/usr/sbin/nginx", ["-v"], /nginx\/(\S+)/),
            wrk: said("wrk", ["-v"], /wrk (?:debian\/)?(\S+)/),
            postgresql: said("sh", ["-c", "/usr/lib/postgresql/*/bin/postgres --version"], /\) (\S+)/),
            chromium: said("chromium", ["--version"], /Chromium (\S+)/),
            ...Object.fromEntries(
                ["@orpc/server", "better-sqlite3", "pg-boss", "graphile-worker"].map((name) => [
                    name,
                    versionOf(name),
                ]),
            ),
        },
    };
}
