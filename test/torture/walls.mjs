// SPDX-License-Identifier: Apache-2.0
/**
 * Each wall of each kind of box and of each process of ours is left out in turn, and what is noticed must be
 * that one and no other; bombs in each kind of box meet a bound that has a name. The unit tests of src/exec do
 * it, for root and for a normal user; each of their promises counts.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { BINARY } from "../support/server.mjs";

const run = promisify(execFile);
const TESTS = ["walls", "walls-as-user", "confine", "confine-as-user", "probe", "spawner", "spawner-as-user", "bombs", "bombs-as-user"];
const QUICK = ["walls", "confine", "probe"];

/** @param {import("./run.mjs").Part} part */
export async function walls(part) {
    const tests = part.count > 1 ? TESTS : QUICK;
    // One after the other: some of them measure time.
    const args = ["test", "-C", dirname(BINARY), "--no-rebuild", "--suite", "unit", "--num-processes", "1", "--verbose", ...tests];
    // Meson ends with a failure when a test fails; which one it was stands in what it prints.
    const { stdout } = await run("meson", args, { maxBuffer: 64 << 20 }).catch((error) => {
        if (error.stdout === undefined || error.code === "ENOENT") throw error;
        return error;
    });
    let skipped = 0;
    for (const [, name, how] of stdout.matchAll(/^\S+ +\d+\/\d+ - (\S+) +([A-Z]+)/gm)) {
        if (how === "SKIP") skipped++;
        else await part.check(name, () => assert.equal(how, "OK", `see ${dirname(BINARY)}/meson-logs/testlog.txt`));
    }
    for (const [, name, how] of stdout.matchAll(/^\d+\/\d+ +(\S+) +([A-Z]+) /gm)) {
        if (!["RUNNING", "SKIP"].includes(how)) await part.check(`${name}, to its end`, () => assert.equal(how, "OK"));
    }
    if (part.passed + part.failed === 0) throw new Error(`no test has run:\n${stdout.slice(-2000)}`);
    if (skipped > 0) part.note(`${skipped} could not be tried on this machine`);
}
