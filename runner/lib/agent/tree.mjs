// SPDX-License-Identifier: Apache-2.0
//
// The accessibility tree as lines of text. Playwright makes the tree, with refs that stay with an
// element for as long as its role and name do, through frames and open shadow roots; how it is
// written, shortened and cut into pages is decided here.

import { oneLine, quoted, shownAddress } from "./text.mjs";

const NAME_MOST = 300;
const TEXT_MOST = 600;
const DEPTH_MOST = 60;
const LINES_MOST = 50_000;

/** So many siblings of one role in a row are shown in full; of more, the first and the last. */
const RUN_MOST = 24;
const RUN_HEAD = 12;
const RUN_TAIL = 2;

const PAGE_CHARACTERS = 16_000;

/* Not "active": where the focus is changes with every click and tells nothing. */
const FLAGS = ["checked", "disabled", "expanded", "invalid", "pressed", "selected"];

/**
 * @typedef {object} Line
 * @property {number} depth
 * @property {string | null} ref
 * @property {string} text without indentation
 */

/**
 * @param {any[]} nodes of ariaSnapshotJSON
 * @param {{ whole?: boolean }} [options] `whole`: long lists are not shortened
 * @returns {Line[]}
 */
export function linesOf(nodes, { whole = false } = {}) {
    /** @type {Line[]} */
    const lines = [];

    const add = (depth, ref, text) => {
        if (lines.length < LINES_MOST) lines.push({ depth, ref, text });
    };

    const visit = (node, depth) => {
        if (typeof node === "string") return add(depth, null, `text ${quoted(node, TEXT_MOST)}`);
        if (node.role === "text")
            return add(depth, null, `text ${quoted(node.text ?? node.name, TEXT_MOST)}`);
        const children = node.children ?? [];

        if (isPlain(node) && children.length === 1) return visit(children[0], depth);
        add(depth, node.ref ?? null, describe(node));
        if (depth >= DEPTH_MOST && children.length > 0)
            add(depth + 1, null, "… (deeper than shown; use within)");
        else list(children, depth + 1);
    };

    const list = (children, depth) => {
        for (let i = 0; i < children.length;) {
            const end = whole ? i + 1 : runEnd(children, i);

            if (end - i <= RUN_MOST) {
                for (; i < end; i++) visit(children[i], depth);
                continue;
            }
            for (let k = i; k < i + RUN_HEAD; k++) visit(children[k], depth);
            add(
                depth,
                null,
                `… ${end - i - RUN_HEAD - RUN_TAIL} more of ${children[i].role} (whole: true shows them)`,
            );
            for (let k = end - RUN_TAIL; k < end; k++) visit(children[k], depth);
            i = end;
        }
    };

    list(nodes, 0);
    return lines;
}

/** Where the run of siblings with one role ends that begins here. */
function runEnd(children, from) {
    const { role } = children[from];
    let end = from + 1;

    if (role === undefined) return end;
    while (end < children.length && children[end].role === role) end++;
    return end;
}

/* A box around one thing says nothing. */
function isPlain(node) {
    return node.role === "generic" && !node.name && !node.text && !node.cursor;
}

function describe(node) {
    const { role, name, ref, text, level, cursor, url, children, ...more } = node;
    let line = oneLine(role, 40);

    if (name) line += ` ${quoted(name, NAME_MOST)}`;
    if (ref) line += ` [${ref}]`;
    if (level !== undefined) line += ` level ${level}`;
    for (const flag of FLAGS) {
        if (more[flag] === true) line += ` ${flag}`;
        else if (more[flag] !== undefined) line += ` ${flag}=${oneLine(more[flag], 20)}`;
    }
    /* Links, buttons and fields can be clicked anyway. */
    if (
        cursor === "pointer" &&
        (role === "generic" || role === "img" || role === "listitem" || role === "cell")
    )
        line += " clickable";
    if (more.placeholder) line += ` placeholder ${quoted(more.placeholder, NAME_MOST)}`;
    if (url !== undefined) line += ` -> ${shownAddress(url)}`;
    if (text !== undefined) line += `: ${quoted(text, TEXT_MOST)}`;
    return line;
}

export function indented({ depth, text }) {
    return " ".repeat(depth) + text;
}

/** The lines that hold a text, each below what it stands in. */
export function linesWith(lines, text) {
    const wanted = text.toLowerCase();
    const path = [];
    const kept = new Set();

    lines.forEach((line, i) => {
        path.length = Math.min(path.length, line.depth);
        path[line.depth] = i;
        if (line.text.toLowerCase().includes(wanted)) for (const above of path) kept.add(above);
    });
    kept.delete(undefined);
    return lines.filter((_line, i) => kept.has(i));
}

/** @returns {{ text: string, pages: number }} one page of the lines, counted from 1 */
export function pageOf(lines, number) {
    let pages = 1;
    let size = 0;
    const shown = [];

    for (const line of lines) {
        const text = indented(line);

        if (size > 0 && size + text.length + 1 > PAGE_CHARACTERS) {
            pages++;
            size = 0;
        }
        size += text.length + 1;
        if (pages === number) shown.push(text);
    }
    return { text: shown.join("\n"), pages };
}
