// SPDX-License-Identifier: Apache-2.0
//
// Keeps the values of injected credentials out of what is kept of a run: logs, errors, stacks and
// pages, in the forms in which code usually passes them on.

import { inspect } from "node:util";

/** Shorter values would make a text unreadable and are no secret. */
const SHORTEST = 3;
/** A key of many lines is printed line by line; one of its lines that says less is no secret. */
const SHORTEST_LINE = 8;
export const SHOWN = "[redacted]";

const HTML = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/**
 * @param {string[]} secrets
 * @param {string} [shown] what stands in their place
 * @returns {(text: string) => string}
 */
export function redactor(secrets, shown = SHOWN) {
    const forms = new Set();

    for (const secret of secrets) {
        if (secret.length < SHORTEST) continue;
        for (const form of formsOf(secret)) if (form.length >= SHORTEST) forms.add(form);
    }
    if (forms.size === 0) return (text) => text;

    /* Longest first: of two values of which one begins with the other, none may leave a rest. */
    const all = [...forms].sort((a, b) => b.length - a.length).map(escapeForRegExp);
    const pattern = new RegExp(all.join("|"), "g");
    return (text) => text.replace(pattern, () => shown);
}

function formsOf(secret) {
    const bytes = Buffer.from(secret);
    const urlEncoded = encodeURIComponent(bytes.toString());

    return [
        secret,
        bytes.toString("base64"),
        bytes.toString("base64").replace(/=+$/, ""),
        bytes.toString("base64url"),
        urlEncoded,
        urlEncoded.replaceAll("%20", "+"),
        JSON.stringify(secret).slice(1, -1),
        inspect(secret).slice(1, -1), // as console.log shows it inside of an object
        bytes.toString("hex"),
        bytes.toString("hex").toUpperCase(),
        ...secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE),
        secret.replace(/[&<>]/g, (c) => HTML[c]),
        secret.replace(/[&<>"]/g, (c) => HTML[c]),
    ];
}

function escapeForRegExp(text) {
    return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
