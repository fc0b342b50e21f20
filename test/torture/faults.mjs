// SPDX-License-Identifier: Apache-2.0
/** System calls of a running process, made to fail by strace. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Longer than strace takes to let go of a process that goes on. */
const DETACH_MS = 5_000;

/**
 * Runs `work` while `call` of process `pid` fails with `error`, at the calls that `when` names (strace's form:
 * "3", "3+", "1..20"). Tells how often it was.
 *
 * @param {{call: string, error: string, when: string}} fault
 * @param {{all?: boolean, patience: number}} how `all`: in all threads, and in all that it starts; else in its
 *   first thread alone. What takes longer than `patience` ms hangs, and the process is killed.
 */
export async function withFault({ call, error, when }, pid, work, { all = true, patience }) {
    const inject = `inject=${call}:error=${error}:when=${when}`;
    const tracer = spawn("strace", [...(all ? ["-f"] : []), "-p", String(pid), "-e", `trace=${call}`, "-e", inject], {
        stdio: ["ignore", "ignore", "pipe"],
    });
    let injected = 0;
    const attached = new Promise((resolve, reject) => {
        createInterface({ input: tracer.stderr }).on("line", (line) => {
            if (line.includes("(INJECTED)")) injected++;
            if (/attached/.test(line)) resolve();
        });
        tracer.once("error", reject);
        tracer.once("exit", (code) => reject(new Error(`strace ended with ${code}`)));
    });
    await attached;
    let hangs = false;
    const timer = setTimeout(() => {
        hangs = true;
        if (tracer.exitCode === null) process.kill(pid, "SIGKILL"); // who is traced has not ended
    }, patience);
    try {
        await work();
        assert.ok(!hangs, `it was not over within ${patience} ms`);
    } finally {
        clearTimeout(timer);
        const ended = tracer.exitCode === null && once(tracer, "exit");
        tracer.kill("SIGINT");
        // It may go on waiting for a thread of a process that was killed.
        const stuck = setTimeout(() => tracer.kill("SIGKILL"), DETACH_MS);
        await ended;
        clearTimeout(stuck);
    }
    return injected;
}

/** Why no fault can be put into process `pid` on this machine; undefined when they can. */
export async function whyNoFaults(pid) {
    try {
        await withFault({ call: "sync", error: "EIO", when: "1" }, pid, async () => {}, { patience: DETACH_MS });
        return undefined;
    } catch (error) {
        return `needs strace and ptrace: ${error.message}`;
    }
}

/** The cases of this run: of those that match, evenly, so that few of them are of many kinds. */
export function chosen(all, part) {
    const cases = all.filter((fault) => Object.values(fault).join(" ").includes(part.match));
    const first = part.random.between(0, cases.length - 1);
    const n = Math.min(part.count, cases.length);
    return Array.from({ length: n }, (_, i) => cases[(first + Math.floor((i * cases.length) / n)) % cases.length]);
}

/** Which calls of a table of cases were made at all, and so could fail. */
export class Fired {
    #all;
    #times = new Map();

    constructor(cases) {
        this.#all = cases;
    }

    static #name = ({ helper, call }) => (helper ? `${helper} ${call}` : call);

    add(fault, times) {
        const name = Fired.#name(fault);
        this.#times.set(name, (this.#times.get(name) ?? 0) + times);
    }

    /** After every case, no call may be left out: what is never made proves nothing. */
    async check(part) {
        const total = [...this.#times.values()].reduce((sum, times) => sum + times, 0);
        part.note(`${total} calls failed`);
        if (part.match || part.count < this.#all.length) return;
        await part.check("each call of the table was made, and failed", () => {
            const never = new Set(this.#all.map(Fired.#name).filter((name) => !this.#times.get(name)));
            assert.deepEqual([...never], []);
        });
    }
}
