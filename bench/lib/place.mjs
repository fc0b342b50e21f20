// SPDX-License-Identifier: Apache-2.0
/** Where the bench keeps what it measures with: one new folder on a real disk, removed at the end. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** @param {string} above  folder that exists; all servers, ours and the peers, keep their data below it */
export function scratch(above) {
    const { type } = statfsSync(above);
    if (type === TMPFS || type === RAMFS)
        throw new Error(
            `${above} is memory, where nothing is durable: name a folder on a disk with --scratch`,
        );
    const root = mkdtempSync(join(above, "impresario-bench-"));
    chmodSync(root, 0o755); // PostgreSQL runs as another user
    process.once("exit", () => rmSync(root, { recursive: true, force: true }));
    let n = 0;
    return {
        root,
        folder(name) {
            const path = join(root, `${name}-${++n}`);
            mkdirSync(path, { recursive: true });
            return path;
        },
    };
}
