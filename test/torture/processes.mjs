// SPDX-License-Identifier: Apache-2.0
/** What /proc says of a server and of all that it has started. */
import { readFileSync, readdirSync } from "node:fs";

export function read(path, otherwise = "") {
    try {
        return readFileSync(path, "utf8");
    } catch {
        return otherwise;
    }
}

export const parentOf = (pid) => Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);

/** All that `pid` has started, and what those have; itself first. */
export function descendants(pid) {
    const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);
    const parents = new Map(all.map((each) => [each, parentOf(each)]));
    const found = [pid];
    for (const each of found) for (const [child, parent] of parents) if (parent === each) found.push(child);
    return found;
}

export const nameOf = (pid) => read(`/proc/${pid}/cmdline`).split("\0")[0].split("/").at(-1);
