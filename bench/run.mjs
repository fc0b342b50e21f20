// SPDX-License-Identifier: Apache-2.0
/**
 * Impresario and what one would run instead, side by side: see README.md.
 *
 *   node bench/run.mjs [--quick] [--json] [--rounds N] [--scratch FOLDER] [--out FOLDER] [part ...]
 *
 * Without parts, all of them. Writes results.json and index.html into var/bench and prints a line while it
 * measures, the rows as they come, and the table at the end; with --json the results alone. Parts that were
 * not asked for keep the rows that an earlier run on this machine wrote. Ends with 1 when something failed
 * or did not keep its promises; a target that is not met is a row, not a failure.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machine } from "./lib/machine.mjs";
import { page } from "./lib/page.mjs";
import { scratch } from "./lib/place.mjs";
import { lines, result, table } from "./lib/report.mjs";

const PARTS = ["durability", "http", "ingest", "decoders", "builds", "runs", "queue", "idle", "growth"];
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        rounds: { type: "string" },
        scratch: { type: "string", default: "/var/tmp" },
        out: { type: "string", default: here("../var/bench") },
    },
});
for (const part of positionals)
    if (!PARTS.includes(part)) throw new Error(`"${part}" is no part of the bench: ${PARTS.join(", ")}`);
/** No figure without it: a server that keeps less than it promises is not measured. */
const wanted = PARTS.filter(
    (part) => part === "durability" || !positionals.length || positionals.includes(part),
);

const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const notes = JSON.parse(readFileSync(here("notes.json"), "utf8"));
const place = scratch(options.scratch);
const terminal = process.stderr.isTTY && !options.json;
const results = [];
const failures = [];

/** What is under way: drawn over on a terminal, a line for each part else. */
function bar(part, done, all, name) {
    if (!terminal) return;
    const width = 24;
    const full = Math.round((done / all) * width);
    process.stderr.write(
        `\r\x1b[K${part} ${"█".repeat(full)}${"░".repeat(width - full)} ${done}/${all} ${name}`,
    );
}
const clear = () => terminal && process.stderr.write("\r\x1b[K");
const say = (text) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);

const head = machine(place.root);
say(`${head.processor}, ${head.cores} cores, ${head.memory_gib} GiB, ${head.system}, ${head.file_system}`);
say(
    Object.entries(head.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
);

for (const name of wanted) {
    const part = await import(`./parts/${name}.mjs`);
    say(`\n== ${part.title}`);
    const started = performance.now();
    try {
        await part.run({
            quick: options.quick,
            rounds,
            seconds: (full, quick) => (options.quick ? quick : full),
            scratch: place,
            progress: (done, all, what) => bar(name, done, all, what),
            say(text) {
                clear();
                say(text);
            },
            row(row) {
                clear();
                const made = { part: name, title: part.title, ...result(row, notes[row.id]) };
                results.push(made);
                for (const line of lines(made)) say(line);
            },
        });
    } catch (error) {
        clear();
        failures.push({ part: name, error: error.message });
        say(`FAILED: ${error.stack}`);
        if (name === "durability") break;
    }
    say(`(${Math.round((performance.now() - started) / 1000)} s)`);
}

/** Rows of an earlier run for parts that were not asked for. */
function earlier(file) {
    try {
        const { machine: then, rows } = JSON.parse(readFileSync(file, "utf8"));
        const same = JSON.stringify(then) === JSON.stringify(head);
        return same ? rows.filter(({ part }) => !wanted.includes(part)) : [];
    } catch {
        return [];
    }
}

mkdirSync(options.out, { recursive: true });
const file = join(options.out, "results.json");
const rows = [...results, ...earlier(file)].sort((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part));
const report = { machine: head, at: new Date().toISOString(), quick: options.quick, rounds, rows, failures };
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(join(options.out, "index.html"), page(report));

if (options.json) console.log(JSON.stringify(report, null, 2));
else {
    say(`\n${table(rows)}\n`);
    const judged = rows.filter(({ met }) => met !== null);
    say(
        `${judged.filter(({ met }) => met).length} of ${judged.length} targets met; ${file}, index.html beside it`,
    );
}
for (const { part, error } of failures) console.error(`bench: ${part} failed: ${error.split("\n")[0]}`);
process.exit(failures.length ? 1 : 0);
