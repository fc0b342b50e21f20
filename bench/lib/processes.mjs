// SPDX-License-Identifier: Apache-2.0
/** What the kernel says of processes. */
import { readFileSync, readdirSync } from "node:fs";

function field(pid, name) {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);
}

const MIB = 1024;
export const residentMib = (pid) => field(pid, "VmRSS") / MIB;
export const residentMb = (pid) => (field(pid, "VmRSS") * 1024) / 1e6;
/** The most that it ever held. */
export const peakMib = (pid) => field(pid, "VmHWM") / MIB;

/** Milliseconds that all its threads had a processor. The kernel counts in hundredths of a second. */
export function processorMs(pid) {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [user, system] = text
        .slice(text.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 13)
        .map(Number);
    return (user + system) * 10;
}

const nameOf = (pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0];

/** The process and those below it that are named, as far as each is below another one that is. */
export function withChildren(pid, names) {
    const children = readdirSync(`/proc/${pid}/task`)
        .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "))
        .filter((child) => child && names.test(nameOf(child)));
    return [pid, ...children.flatMap((child) => withChildren(Number(child), names))];
}

/** Resident memory, with of each shared page the share of it that falls to the process. */
export function proportionalMb(pid) {
    const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return (Number(kib) * 1024) / 1e6;
}

/** How often any of their threads was woken since it was born. */
export function wakeUps(pids) {
    let sum = 0;
    for (const pid of pids)
        for (const task of readdirSync(`/proc/${pid}/task`))
            sum += field(`${pid}/task/${task}`, "voluntary_ctxt_switches");
    return sum;
}
