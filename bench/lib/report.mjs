// SPDX-License-Identifier: Apache-2.0
/** Rows as they come: judged, printed, and kept for results.json. */

/**
 * @typedef {import("./turns.mjs").Figure} Figure
 * @typedef {object} Row
 * @property {string} id  what notes.json calls it
 * @property {string} what
 * @property {string} unit
 * @property {"more"|"less"} better
 * @property {Figure} ours
 * @property {Figure} [peer]
 * @property {string} [peerName]
 * @property {{times?: number, atMost?: number, atLeast?: number}} [target]  all of it must be met; `times`:
 *   so often as good as the peer, below 1 a share of it
 */

const ROUNDED = [
    [100, 0],
    [10, 1],
    [1, 2],
    [0, 3],
];

/** Three digits that count, as people read them. */
export function number(value) {
    if (value === 0) return "0";
    const [, digits] = ROUNDED.find(([least]) => Math.abs(value) >= least);
    return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** How often as good as the peer: above 1 is better. null where there is no peer, or no such number. */
export function ratioOf({ better, ours, peer }) {
    if (!peer) return null;
    const ratio = better === "more" ? ours.median / peer.median : peer.median / ours.median;
    return Number.isFinite(ratio) ? ratio : null;
}

/** ">= 8 x", ">= 1/3", "within 1.5 x". */
function often(times) {
    if (times >= 1) return `>= ${times} x`;
    const share = Number((1 / times).toFixed(3));
    return Number.isInteger(share) ? `>= 1/${share}` : `within ${share} x`;
}

export function targetText({ target = {}, unit }) {
    const { times, atMost, atLeast } = target;
    const parts = [
        times !== undefined && often(times),
        atMost !== undefined && `<= ${number(atMost)} ${unit}`,
        atLeast !== undefined && `>= ${number(atLeast)} ${unit}`,
    ];
    return parts.filter(Boolean).join(", ") || null;
}

/** true, false, or null where nothing is to be reached. */
export function isMet({ target, ours, ...row }) {
    if (!target) return null;
    const { times, atMost, atLeast } = target;
    return (
        (times === undefined || ratioOf({ ours, ...row }) >= times) &&
        (atMost === undefined || ours.median <= atMost) &&
        (atLeast === undefined || ours.median >= atLeast)
    );
}

/** A row of results.json. */
export function result(row, note) {
    const { id, what, unit, better, ours, peer, peerName } = row;
    return {
        id,
        what,
        unit,
        better,
        ours: ours.median,
        ours_min: ours.min,
        ours_max: ours.max,
        ours_values: ours.values,
        peer: peer?.median ?? null,
        peer_min: peer?.min ?? null,
        peer_max: peer?.max ?? null,
        peer_values: peer?.values ?? null,
        peer_name: peerName ?? null,
        ratio: ratioOf(row),
        target: targetText(row),
        wanted: row.target ?? null,
        met: isMet(row),
        note: note ?? null,
    };
}

export const verdict = ({ met }) => ({ true: "met", false: "NOT MET", null: "-" })[met];
const span = (median, min, max) => `${number(median)} (${number(min)} - ${number(max)})`;

/** One row as text: two lines, and the note where a target was not met. */
export function lines(r) {
    const against = r.peer === null ? "" : `   ${r.peer_name} ${span(r.peer, r.peer_min, r.peer_max)}`;
    const ratio = r.ratio === null ? "" : `   ${number(r.ratio)} x`;
    const target = r.target === null ? "" : `   to reach ${r.target}: ${verdict(r)}`;
    return [
        `${r.what} [${r.unit}]`,
        `    ours ${span(r.ours, r.ours_min, r.ours_max)}${against}${ratio}${target}`,
        ...(r.note && r.met !== true ? [`    ${r.note}`] : []),
    ];
}

/** The whole as a table in Markdown. */
export function table(rows) {
    const head = ["what", "unit", "ours", "peer", "ratio", "target", "met"];
    const body = rows.map((r) => [
        r.what,
        r.unit,
        span(r.ours, r.ours_min, r.ours_max),
        r.peer === null ? "-" : `${r.peer_name}: ${span(r.peer, r.peer_min, r.peer_max)}`,
        r.ratio === null ? "-" : `${number(r.ratio)} x`,
        r.target ?? "-",
        verdict(r),
    ]);
    return [head, head.map(() => "---"), ...body]
        .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
        .join("\n");
}
