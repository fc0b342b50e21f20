// SPDX-License-Identifier: Apache-2.0
/**
 * System calls that fail: strace makes the n-th call of one kind fail in the running server, once or from
 * then on, while it creates, claims and finishes. Each request is answered with success or with an error;
 * the server lives; and what was answered with success is there after a restart on a sound disk.
 */
import assert from "node:assert/strict";
import { chosen, Fired, whyNoFaults, withFault } from "./faults.mjs";
import { firstJournal, loadUntil, timedStart } from "./kill.mjs";

const SYNCS = ["fsync", "fdatasync"];
const FAULTS = [
    ...SYNCS.flatMap((call) => [[call, "EIO"], [call, "ENOSPC"]]),
    // Not write, with which threads wake one another; not fcntl, which gives up locks; not epoll_ctl, which
    // takes watches away: there they cannot fail.
    ...["pwrite64", "ftruncate"].flatMap((call) => [[call, "EIO"], [call, "ENOSPC"]]),
    ...["rename", "mkdir", "unlink"].flatMap((call) => [[call, "EIO"], [call, "ENOSPC"]]),
    ...["openat", "socketpair", "pipe2"].map((call) => [call, "EMFILE"]),
    ...["pread64", "statfs", "newfstatat"].map((call) => [call, "EIO"]),
    ["sendmsg", "EPIPE"],
    ["sendto", "EPIPE"],
    ["recvfrom", "ECONNRESET"],
    ["recvmsg", "ENOBUFS"],
    ["setsockopt", "ENOBUFS"],
];
/** Every fault once and for ever, at the first, the third and the tenth call. */
const CASES = [
    ...FAULTS.map((fault) => [...fault, ["1", "3", "10", "1+", "3+"]]),
    // Whom nobody can let in nobody can answer: here it ends by itself.
    ...["EMFILE", "ENOMEM"].map((error) => ["accept4", error, ["1", "3", "1..20", "3..20"]]),
].flatMap(([call, error, whens]) => whens.map((when) => ({ call, error, when })));
/** Until then boxes have begun and ended as well, so that what the server hears of them can fail. */
const ANSWERS = 150;
/** A tenant for this many cases, so that comparing everything stays short. */
const CASES_OF_TENANT = 8;
/** Longer than any of it takes; what waits longer hangs. */
const PATIENCE_MS = 30_000;

/** Loads the server while `fault` is in it. Tells how often it was, and leaves the server dead. */
async function loadWithFault(journal, fault, server) {
    const load = () =>
        loadUntil(journal, ANSWERS, 0, () => {
            journal.stop();
        });
    const times = await withFault(fault, server.pid, load, { patience: PATIENCE_MS });
    if (SYNCS.includes(fault.call) && times > 0) {
        const ready = await fetch(`${server.url}/readyz`);
        assert.equal(ready.status, 503, "a failed sync is told");
        const { status } = await journal.api.call("credentials/create", { name: "late", value: "late" });
        assert.equal(status, 503, "nothing is written behind a failed sync");
        await journal.api.ok("jobs/list", {});
    }
    const { code, signal } = await server.end("SIGKILL");
    assert.equal(signal, "SIGKILL", `it had ended by itself (${code}): ${server.lastWords.slice(-1000)}`);
    return times;
}

/** @param {import("./run.mjs").Part} part */
export async function calls(part) {
    let server = await timedStart(undefined, []);
    let journal;
    const fired = new Fired(CASES);
    const settle = () => part.check("nothing is stuck", () => journal.settle());
    try {
        const why = await whyNoFaults(server.pid);
        if (why) return part.cannot(why);
        for (const [i, fault] of chosen(CASES, part).entries()) {
            if (journal && i % CASES_OF_TENANT === 0) {
                await settle();
                journal = undefined;
            }
            const before = server;
            await part.check(Object.values(fault).join(" "), async () => {
                journal ??= await firstJournal(server, part.random, "torture-calls");
                fired.add(fault, await loadWithFault(journal, fault, server));
                server = await timedStart(server.data, []);
                await journal.on(server.url, journal.api.key).check();
            });
            if (server === before) {
                // The check failed with the fault still in it: the next one begins anew.
                await server.end("SIGKILL");
                server = await timedStart(undefined, []);
                journal = undefined;
            }
        }
        if (journal) await settle();
        await fired.check(part);
    } finally {
        await server.stop();
    }
}
