// SPDX-License-Identifier: Apache-2.0
/**
 * The torture tests: what is promised to survive a crash, a power cut or a broken disk is put through
 * them, many times.
 *
 *     run.mjs [--quick] [--count N] [--seed N] [--match TEXT] [--from N] [PART ...]
 *
 * Without a name all parts run. `--match` is for `calls`, `helpers` and `memory`: what has TEXT in its name. `--from`
 * is for `memory`: leaves out its first N cases, so that hours of them can be gone through in pieces. A failure names
 * its seed and its cycle; the same seed makes the same choices again. The quick form makes the same ones each
 * time. Ends with a line that counts.
 */
import { parseArgs } from "node:util";
import { kill } from "./kill.mjs";
import { phasesOfBuilds, phasesOfJobs } from "./phases.mjs";
import { power } from "./power.mjs";
import { calls } from "./calls.mjs";
import { helpers } from "./helpers.mjs";
import { memory } from "./memory.mjs";
import { slow } from "./slow.mjs";
import { soak } from "./soak.mjs";
import { walls } from "./walls.mjs";
import { Random } from "./random.mjs";

/**
 * `full` and `quick` are how often each is done, in the part's own measure: cycles, cases (of a list, evenly),
 * clients, minutes, programs.
 */
const PARTS = [
    { name: "kill", run: kill, full: 1000, quick: 24, what: "kill -9 at random moments under mixed load" },
    { name: "jobs", run: phasesOfJobs, full: 600, quick: 7, what: "kill -9 in each phase of a job" },
    { name: "builds", run: phasesOfBuilds, full: 400, quick: 4, what: "kill -9 in each phase of a build" },
    { name: "power", run: power, full: 300, quick: 8, what: "power cuts on ext4 under mixed load" },
    { name: "calls", run: calls, full: 133, quick: 12, what: "system calls that fail, once and for ever" },
    { name: "helpers", run: helpers, full: 108, quick: 4, what: "system calls that fail in the helpers" },
    { name: "memory", run: memory, full: 1000, quick: 3, what: "allocations that fail, once and for ever, on each path" },
    { name: "slow", run: slow, full: 10_000, quick: 1_000, what: "slow clients at once" },
    { name: "soak", run: soak, full: 60, quick: 0.5, what: "minutes of steady mixed load" },
    { name: "walls", run: walls, full: 9, quick: 1, what: "walls left out in turn, bombs in boxes" },
];

/** What a change breaks is told by the change, and not by the luck of a draw. */
const QUICK_SEED = 1;

/** Of an error, with what caused it. */
const trace = ({ stack, cause }) => (cause ? `${stack}\nbecause of ${trace(cause)}` : String(stack));

/** One part under way: what it is given, and how it tells what came of it. */
export class Part {
    passed = 0;
    failed = 0;

    constructor(row, count, seed, { quick, match, from }) {
        Object.assign(this, { name: row.name, count, seed, quick, match, from, random: new Random(seed) });
    }

    /** Counts `work` as passed or failed, and goes on. */
    async check(what, work) {
        if (process.env.IMPRESARIO_TEST_VERBOSE) console.log(`   ${what}`);
        try {
            await work();
            this.passed++;
        } catch (error) {
            this.failed++;
            console.log(`FAIL ${this.name}: ${what} (seed ${this.seed})\n  ${trace(error).replaceAll("\n", "\n  ")}`);
        }
    }

    cycle(i, work) {
        return this.check(`cycle ${i}`, work);
    }

    /** How long something takes is judged when all is run, on a machine that has nothing else to do. */
    async timed(what, work) {
        if (!this.quick) return this.check(what, work);
        return Promise.resolve()
            .then(work)
            .then(
                () => this.note(`${what}: so it was`),
                ({ message }) => this.note(`${what}: not here (${message})`),
            );
    }

    note(text) {
        console.log(`   ${text}`);
    }

    /** This machine cannot do it: nothing is counted as passed. */
    cannot(why) {
        this.why = why;
        console.log(`   NOT RUN: ${why}`);
    }
}

function usage(why) {
    const parts = PARTS.map(({ name }) => name).join(", ");
    console.error(`${why}\nusage: run.mjs [--quick] [--count N] [--seed N] [--match TEXT] [--from N] [PART ...]\nparts: ${parts}`);
    process.exit(2);
}

function given() {
    const text = { type: "string" };
    try {
        return parseArgs({ options: { quick: { type: "boolean" }, count: text, seed: text, match: text, from: text }, allowPositionals: true });
    } catch (error) {
        return usage(error.message);
    }
}

const { values, positionals } = given();
const unknown = positionals.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) usage(`there is no part ${unknown.join(", ")}`);
for (const name of ["count", "seed", "from"]) {
    if (values[name] !== undefined && !(Number(values[name]) >= 0)) usage(`--${name} takes a number, not ${values[name]}`);
}
const seed = Number(values.seed ?? (values.quick ? QUICK_SEED : Date.now() % 2 ** 31));
const count = { passed: 0, failed: 0 };
const notRun = [];

for (const row of PARTS) {
    if (positionals.length > 0 && !positionals.includes(row.name)) continue;
    const part = new Part(row, Number(values.count ?? (values.quick ? row.quick : row.full)), seed, {
        quick: values.quick === true,
        match: values.match ?? "",
        from: Number(values.from ?? 0),
    });
    console.log(`== ${row.name}: ${row.what}, ${part.count} times, seed ${seed}`);
    const began = performance.now();
    try {
        await row.run(part);
    } catch (error) {
        part.failed++;
        console.log(`FAIL ${row.name} (seed ${seed}) ended early\n  ${error.stack}`);
    }
    console.log(`   ${part.passed} passed, ${part.failed} failed, ${((performance.now() - began) / 1000).toFixed(0)} s`);
    count.passed += part.passed;
    count.failed += part.failed;
    if (part.why) notRun.push(`${row.name} (${part.why})`);
}
if (notRun.length > 0) console.log(`\nnot run: ${notRun.join("; ")}`);
console.log(`\n${count.passed} passed, ${count.failed} failed`);
process.exit(count.failed === 0 && count.passed > 0 ? 0 : 1);
