// SPDX-License-Identifier: Apache-2.0
//
// What an action changed, told in a few lines: where the page is now, what happened meanwhile, and
// which lines of its tree came, went or read differently.

import { shownAddress, quoted } from "./text.mjs";

const MOST = 3_600;
const SAMPLE = 30;

/**
 * @typedef {{ url: string, title: string, lines: import("./tree.mjs").Line[] }} View
 * @param {View | null} before
 * @param {View | null} after
 * @param {string[]} events
 */
export function describeChange(before, after, events) {
    const said = [...events];

    if (after === null) said.push("The page did not answer after the action");
    else if (before === null || before.url !== after.url)
        said.push(`The page is now ${shownAddress(after.url)} ${quoted(after.title, 120)}`);
    else if (before.title !== after.title)
        said.push(`The title is now ${quoted(after.title, 120)}`);

    if (before !== null && after !== null) said.push(...differences(before.lines, after.lines));
    else if (after !== null)
        said.push(
            ...sample(
                "+",
                after.lines.map((line) => line.text),
            ),
        );
    return said.length === 0 ? "Nothing that the tree shows has changed" : clip(said);
}

function differences(before, after) {
    const was = index(before);
    const is = index(after);
    const changed = [];
    const came = [];
    const went = [];

    for (const [key, text] of is) {
        if (!was.has(key)) came.push(text);
        else if (was.get(key) !== text) changed.push(text);
    }
    /* Of another document, all that was there is gone. */
    if ([...was.keys()].some((key) => is.has(key)))
        for (const [key, text] of was) if (!is.has(key)) went.push(text);
    return [...sample("~", changed), ...sample("+", came), ...sample("-", went, 10)];
}

/** Lines by what they are: an element by its ref, a text by itself and how often it came before. */
function index(lines) {
    const found = new Map();
    const seen = new Map();

    for (const { ref, text } of lines) {
        if (/^generic \[\w+\]$/.test(text)) continue; /* a box without words */
        if (ref !== null) found.set(ref, text);
        else {
            const nth = (seen.get(text) ?? 0) + 1;
            seen.set(text, nth);
            found.set(`${nth} ${text}`, text);
        }
    }
    return found;
}

function sample(sign, texts, most = SAMPLE) {
    const shown = texts.slice(0, most).map((text) => `${sign} ${text.slice(0, 240)}`);
    if (texts.length > most) shown.push(`${sign} … ${texts.length - most} more`);
    return shown;
}

function clip(said) {
    const kept = [];
    let size = 0;

    for (const [i, line] of said.entries()) {
        size += line.length + 1;
        if (size > MOST) return [...kept, `… ${said.length - i} more lines`].join("\n");
        kept.push(line);
    }
    return kept.join("\n");
}
