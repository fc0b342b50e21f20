// SPDX-License-Identifier: Apache-2.0
/** The report as one page without anything from elsewhere: a card for each question, its bars drawn to scale. */
import { number, verdict } from "./report.mjs";

/** A terminal's spelling, as print has it. */
const PRINTED = [
    [/->/g, "→"],
    [/>=/g, "≥"],
    [/<=/g, "≤"],
    [/\bus\b/g, "µs"],
    [/(\d) x\b/g, "$1 ×"],
];
const printed = (text) => PRINTED.reduce((all, [from, to]) => all.replace(from, to), String(text));
const escape = (text) => printed(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const STYLE = `
:root { --paper: #faf9f6; --card: #fff; --ink: #1d2330; --soft: #667085; --line: #e4e2dc; --ours: #0f766e;
    --peer: #c3c0b8; --good: #15803d; --bad: #b45309; --goodbg: #e7f6ec; --badbg: #fdf1dd; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --card: #1c2027; --ink: #e8e6e1; --soft: #98a2b3;
    --line: #2d333d; --ours: #2dd4bf; --peer: #4b5360; --good: #4ade80; --bad: #fbbf24; --goodbg: #14301f;
    --badbg: #33270f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1 { font-size: 2.1rem; line-height: 1.2; margin: 0; letter-spacing: -0.02em; }
h2 { font-size: 1.25rem; margin: 3rem 0 1rem; }
h3 { font-size: 1rem; font-weight: 600; margin: 0; }
p { margin: 0.5rem 0; }
.soft { color: var(--soft); font-size: 0.875rem; }
.score { display: flex; gap: 0.3rem; flex-wrap: wrap; margin: 1.5rem 0 0.5rem; }
.score a { width: 1.5rem; height: 1.5rem; border-radius: 0.3rem; background: var(--good); }
.score a.no { background: var(--bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; padding: 1.1rem 1.25rem;
    margin: 0.75rem 0; scroll-margin-top: 1rem; }
.top { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
svg { display: block; width: 100%; height: auto; margin: 0.6rem 0 0; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .name { fill: var(--soft); }
.chips { display: flex; gap: 0.5rem; flex-wrap: wrap; margin-top: 0.5rem; }
.chip { border-radius: 1rem; padding: 0.1rem 0.7rem; font-size: 0.8125rem; border: 1px solid var(--line); }
.chip.yes { background: var(--goodbg); border-color: transparent; color: var(--good); }
.chip.no { background: var(--badbg); border-color: transparent; color: var(--bad); }
.note { border-left: 3px solid var(--bad); padding-left: 0.8rem; margin: 0.8rem 0 0; font-size: 0.875rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.25rem; font-size: 0.875rem; }
dt { color: var(--soft); } dd { margin: 0; }
`;

/** Where ours has to come to, in the row's unit, or null. */
function goal({ wanted, better, peer }) {
    if (!wanted) return null;
    const goals = [
        wanted.times !== undefined &&
            peer !== null &&
            (better === "more" ? peer * wanted.times : peer / wanted.times),
        wanted.atMost,
        wanted.atLeast,
    ].filter((each) => typeof each === "number");
    return goals.length ? (better === "more" ? Math.max(...goals) : Math.min(...goals)) : null;
}

const [WIDTH, LEFT, RIGHT, HEIGHT] = [820, 170, 130, 30];

function bar(y, scale, name, color, { median, min, max, values }) {
    const x = (value) => (LEFT + scale(value)).toFixed(1);
    const middle = y + HEIGHT / 2 - 3;
    const dots = values.map(
        (v) => `<circle cx="${x(v)}" cy="${middle}" r="2.5" fill="var(--ink)" opacity="0.45"/>`,
    );
    return `<text class="name" x="${LEFT - 12}" y="${middle + 4}" text-anchor="end">${escape(name)}</text>
<rect x="${LEFT}" y="${y}" width="${Math.max(1.5, scale(median)).toFixed(1)}" height="${HEIGHT - 6}" rx="4" fill="var(${color})"/>
<path d="M${x(min)} ${middle}H${x(max)}" stroke="var(--ink)" opacity="0.45"/>${dots.join("")}
<text x="${Number(x(max)) + 10}" y="${middle + 4}" font-weight="600">${number(median)}</text>`;
}

/** Bars of one question: ours, each peer, and a mark where ours has to come to. */
function plot(rows) {
    const [first] = rows;
    const bars = [
        {
            name: "Impresario",
            color: "--ours",
            median: first.ours,
            min: first.ours_min,
            max: first.ours_max,
            values: first.ours_values,
        },
        ...rows
            .filter(({ peer }) => peer !== null)
            .map((r) => ({
                name: r.peer_name,
                color: "--peer",
                median: r.peer,
                min: r.peer_min,
                max: r.peer_max,
                values: r.peer_values,
            })),
    ];
    const goals = rows.map(goal).filter((each) => each !== null);
    const most = Math.max(...bars.map(({ max }) => max), ...goals) || 1;
    const scale = (value) => (value / most) * (WIDTH - LEFT - RIGHT);
    const height = bars.length * HEIGHT + (goals.length ? 16 : 0);
    const marks = [...new Set(goals)].map((value) => {
        const x = (LEFT + scale(value)).toFixed(1);
        return `<path d="M${x} 0V${bars.length * HEIGHT}" stroke="var(--bad)" stroke-dasharray="4 3"/>
<text class="name" x="${x}" y="${height - 3}" text-anchor="middle">${number(value)}</text>`;
    });
    return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(first.what)}">
${bars.map(({ name, color, ...figure }, i) => bar(i * HEIGHT + 1, scale, name, color, figure)).join("\n")}
${marks.join("\n")}</svg>`;
}

function chip(r) {
    if (r.ratio === null && r.target === null) return "";
    const kind = { true: "yes", false: "no", null: "" }[r.met];
    const ratio = r.ratio === null ? "" : escape(`${number(r.ratio)} x ${r.peer_name}`);
    const target = r.target === null ? "" : `to reach ${escape(r.target)}: ${verdict(r).toLowerCase()}`;
    return `<span class="chip ${kind}">${[ratio, target].filter(Boolean).join(" &middot; ")}</span>`;
}

function card(rows) {
    const [{ id, what, unit, better }] = rows;
    const notes = rows.filter(({ note, met }) => note && met !== true);
    return `<section class="card" id="${escape(id)}"><div class="top"><h3>${escape(what)}</h3>
<span class="soft">${escape(unit)}, ${better} is better</span></div>
${plot(rows)}<div class="chips">${rows.map(chip).join("")}</div>
${notes.map(({ note }) => `<p class="note">${escape(note)}</p>`).join("")}</section>`;
}

/** Rows that ask the same of several peers stand together. */
function grouped(rows, keyOf) {
    const groups = new Map();
    for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
    return [...groups.values()];
}

export function page({ machine, at, quick, rounds, rows, failures }) {
    const judged = rows.filter(({ met }) => met !== null);
    const met = judged.filter((row) => row.met).length;
    const first = (row) =>
        grouped(rows, ({ what, unit }) => `${what} ${unit}`).find((group) => group.includes(row))[0].id;
    const parts = grouped(rows, ({ part }) => part).map(
        (part) =>
            `<h2>${escape(part[0].title)}</h2>${grouped(part, ({ what, unit }) => `${what} ${unit}`)
                .map(card)
                .join("")}`,
    );
    const facts = {
        Processor: `${machine.processor}, ${machine.cores} cores`,
        Memory: `${machine.memory_gib} GiB`,
        System: `${machine.system}, ${machine.file_system}`,
        Versions: Object.entries(machine.versions)
            .map(([name, version]) => `${name} ${version}`)
            .join(", "),
    };
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Impresario beside its peers</title><style>${STYLE}</style></head><body><main>
<h1>Impresario beside what one would run instead</h1>
<p>${met} of ${judged.length} targets met. Each bar is the median of runs in turn on one machine, each dot a run; the
dashed line is where Impresario's bar has to come to.</p>
<div class="score">${judged
        .map(
            (row) =>
                `<a href="#${escape(first(row))}" class="${row.met ? "" : "no"}" title="${escape(`${row.what}: ${verdict(row)}`)}"></a>`,
        )
        .join("")}</div>
<p class="soft">${escape(at.slice(0, 10))}, ${quick ? "a quick run" : "a whole run"}, ${rounds} rounds. How it is measured: bench/README.md.</p>
${failures.map(({ part, error }) => `<p class="note">${escape(part)} failed: ${escape(error.split("\n")[0])}</p>`).join("")}
${parts.join("\n")}
<h2>The machine</h2><dl>${Object.entries(facts)
        .map(([name, value]) => `<dt>${name}</dt><dd>${escape(value)}</dd>`)
        .join("")}</dl>
</main></body></html>
`;
}
