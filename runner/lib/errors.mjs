// SPDX-License-Identifier: Apache-2.0
//
// Whatever an author's code throws, as words for a person.

import { inspect } from "node:util";
import { app, runner, tmp, work } from "./places.mjs";

/** Longest first: a place inside another must be recognised before it. */
const SHOWN_AS = [
    [`${runner}/node_modules/`, "node_modules/"],
    [`${work}/node_modules/`, "node_modules/"],
    [`${runner}/impresario/`, "impresario/"],
    [`${runner}/`, "impresario-runner/"],
    [`${app}/`, ""],
    [`${tmp}/`, "<tmp>/"],
    [`${work}/`, "<work>/"],
].flatMap(([place, shown]) => [
    [`file://${place}`, shown],
    [place, shown],
]);

const CAUSES_MOST = 3;

/** No message and no stack shows where a box keeps its files. */
export function withoutPlaces(text) {
    let clean = text;
    for (const [place, shown] of SHOWN_AS) clean = clean.replaceAll(place, shown);
    return clean;
}

function isErrorLike(thrown) {
    return thrown !== null && typeof thrown === "object" && typeof thrown.message === "string";
}

/** The class name in front, except for plain errors; strings and odd values as they are. */
export function describeError(thrown) {
    if (typeof thrown === "string") return withoutPlaces(thrown);
    if (!isErrorLike(thrown)) return withoutPlaces(inspect(thrown));

    const name = className(thrown);
    const message = thrown.message.trimEnd();
    return withoutPlaces(name === "Error" ? message || "Error" : `${name}: ${message}`);
}

/** A class that does not set `name` still has one. */
function className(error) {
    if (typeof error.name === "string" && error.name !== "" && error.name !== "Error")
        return error.name;
    return error.constructor?.name || "Error";
}

/** What came with the error as its reason: its cause and theirs, or the errors that it gathers. */
export function causesOf(thrown) {
    const causes = [];
    let current = thrown;

    while (causes.length < CAUSES_MOST && isErrorLike(current)) {
        if (Array.isArray(current.errors)) causes.push(...current.errors);
        if (current.cause === undefined || current.cause === null) break;
        current = current.cause;
        causes.push(current);
    }
    return causes.slice(0, CAUSES_MOST);
}
