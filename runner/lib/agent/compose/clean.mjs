// SPDX-License-Identifier: Apache-2.0
//
// A recording is not a program yet: it holds what failed, a fill for each key, the click that gave
// a field its focus, and navigations that a click caused. Here it becomes the actions that matter,
// with a sentence for each that was left out.

import { wayOf } from "./locator.mjs";

const CAUSED_MS = 5_000;
const USED = new Set([
    "click",
    "dblclick",
    "fill",
    "type",
    "press",
    "select",
    "check",
    "uncheck",
    "upload",
    "hover",
    "goto",
    "reload",
    "goBack",
    "goForward",
]);
const ON_ELEMENT = new Set([
    "click",
    "dblclick",
    "fill",
    "type",
    "select",
    "check",
    "uncheck",
    "upload",
    "hover",
]);
const CAUSES = new Set(["click", "dblclick", "press", "select"]);
const TOGGLED = /checkbox|radio/;

/**
 * @param {import("../recorded.mjs").Action[]} recorded
 * @returns {{ actions: import("../recorded.mjs").Action[], left: string[] }}
 */
export function clean(recorded) {
    const actions = [];
    const left = [];

    for (const action of recorded) {
        const before = actions.at(-1);
        const why = whyNot(action, before);

        if (why !== null) {
            left.push(`Left out ${nameOf(action)}: ${why}`);
            continue;
        }
        if (before !== undefined && takesPlaceOf(action, before)) {
            actions.pop();
            /* A double click was recorded as two clicks before it. */
            while (
                action.action === "dblclick" &&
                actions.at(-1)?.action === "click" &&
                sameElement(actions.at(-1), action)
            )
                actions.pop();
        }
        actions.push(action);
    }
    return { actions, left };
}

function whyNot(action, before) {
    if (!action.success) return "it failed when it was recorded";
    if (!USED.has(action.action)) return "it is nothing that a workflow repeats";
    if (ON_ELEMENT.has(action.action) && !action.ways.some((way) => wayOf(way) !== null))
        return "the recording does not say on what";
    if (["fill", "type", "select"].includes(action.action) && action.value === null)
        return "the recording holds no value";
    if (action.action === "press" && typeof action.value !== "string")
        return "the recording does not say which key";
    if (
        action.action === "press" &&
        (action.value.length === 1 ||
            /^(Shift|Control|Alt|Meta|CapsLock|Unidentified)$/.test(action.value))
    )
        return "the text that it types is in the field's own entry";
    if (action.action !== "goto") {
        if (
            before !== undefined &&
            action.action === "click" &&
            TOGGLED.test(action.ways.join(" ")) &&
            ["check", "uncheck"].includes(before.action) &&
            sameElement(action, before)
        )
            return "the entry before it says the same";
        return null;
    }
    if (action.url === null || !/^https?:/i.test(action.url)) return "its address cannot be opened";
    if (before === undefined) return null;
    if (before.action === "goto" && before.url === action.url && before.page === action.page)
        return "the page is there already";
    if (action.source === "user" && CAUSES.has(before.action) && soonAfter(action, before))
        return "the action before it leads there";
    return null;
}

function soonAfter(action, before) {
    return action.at === 0 || before.at === 0 || action.at - before.at <= CAUSED_MS;
}

function takesPlaceOf(action, before) {
    if (!sameElement(action, before)) return false;
    if (action.action === "fill") return ["fill", "click", "type"].includes(before.action);
    if (["select", "check", "uncheck", "upload"].includes(action.action))
        return (
            before.action === "click" ||
            (before.action === action.action && action.action !== "upload")
        );
    return action.action === "dblclick" && before.action === "click";
}

function sameElement(one, other) {
    return (
        one.page === other.page &&
        one.ways.length > 0 &&
        one.ways.some((way) => other.ways.includes(way))
    );
}

function nameOf({ action, ways, url }) {
    return `"${action}"${ways.length > 0 ? ` on ${ways[0]}` : url === null ? "" : ` of ${url.slice(0, 200)}`}`;
}
