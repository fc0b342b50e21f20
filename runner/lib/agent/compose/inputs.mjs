// SPDX-License-Identifier: Apache-2.0
//
// Params are an example of a workflow's input. From them come its schema, and the places in the
// recorded actions that stand for an input rather than for what happened to be typed.

import { isSecretField } from "../recorded.mjs";

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
/** Shorter values stand for themselves inside of longer words: "1" is not every 1 in an address. */
const WITHIN_LEAST = 3;
const DEPTH_MOST = 8;

/** @returns {{ code: string, value: string | number | boolean, name: string }[]} leaves, longest first */
export function leavesOf(params) {
    const leaves = [];

    const visit = (value, code, name, depth) => {
        if (depth > DEPTH_MOST || value === null || value === undefined) return;
        if (Array.isArray(value))
            value.forEach((one, i) => visit(one, `${code}[${i}]`, name, depth + 1));
        else if (typeof value === "object")
            for (const [key, inner] of Object.entries(value))
                visit(inner, code + member(key), key, depth + 1);
        else if (value !== "") leaves.push({ code, value, name });
    };
    visit(params, "input", "", 0);
    return leaves.sort((a, b) => String(b.value).length - String(a.value).length);
}

function member(key) {
    return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** Writes recorded text as code, with inputs in the place of their example values. */
export class Inputs {
    constructor(params) {
        this.leaves = leavesOf(params);
        this.used = new Set();
    }

    /** The input that a typed value stands for, as code; null when it stands for itself. */
    forValue(value) {
        const leaf = this.leaves.find(
            (one) =>
                typeof one.value !== "boolean" && String(one.value).trim() === String(value).trim(),
        );
        if (leaf === undefined) return null;
        this.used.add(leaf.code);
        return asString(leaf);
    }

    /** An input that says yes or no and is named like a field. */
    forSwitch(words) {
        const said = plain(words);
        const leaf = this.leaves.find(
            (one) =>
                typeof one.value === "boolean" &&
                one.name.length > 2 &&
                said.includes(plain(one.name)),
        );
        if (leaf === undefined) return null;
        this.used.add(leaf.code);
        return leaf;
    }

    /**
     * Text in which inputs may stand as words of their own.
     * @returns {{ code: string, input: boolean }}
     */
    text(words, encode = false) {
        const whole = this.forValue(words);
        if (whole !== null)
            return { code: encode ? `encodeURIComponent(${whole})` : whole, input: true };

        for (const leaf of this.leaves) {
            const value = String(leaf.value);
            if (typeof leaf.value === "boolean" || value.length < WITHIN_LEAST) continue;
            for (const form of encode
                ? new Set([encodeURIComponent(value), value.replaceAll(" ", "+"), value])
                : [value]) {
                const at = wordAt(words, form);
                if (at < 0) continue;
                this.used.add(leaf.code);
                const inner = encode ? `encodeURIComponent(${asString(leaf)})` : leaf.code;
                const before = this.text(words.slice(0, at), encode);
                const after = this.text(words.slice(at + form.length), encode);
                return { code: `\`${within(before)}\${${inner}}${within(after)}\``, input: true };
            }
        }
        return { code: JSON.stringify(words), input: false };
    }

    /** An address: inputs in its path and its query, encoded as those want it. */
    address(url) {
        const whole = this.forValue(url);
        if (whole !== null) return { code: whole, input: true };
        let parts;
        try {
            parts = new URL(url);
        } catch {
            return { code: JSON.stringify(url), input: false };
        }

        const head = url.slice(0, url.indexOf(parts.host) + parts.host.length);
        const pieces = url.slice(head.length).split(/([/?&=#])/);
        const written = pieces.map((piece) => {
            if (piece.length <= 1 && !/\w/.test(piece))
                return { code: JSON.stringify(piece), input: false };
            return this.#piece(piece);
        });
        if (!written.some(({ input }) => input)) return { code: JSON.stringify(url), input: false };
        return { code: `\`${escaped(head)}${written.map(within).join("")}\``, input: true };
    }

    #piece(piece) {
        let decoded = piece;
        try {
            decoded = decodeURIComponent(piece.replaceAll("+", " "));
        } catch {
            /* as it is */
        }
        return this.leaves.some(({ value }) => String(value) === decoded)
            ? this.text(decoded, true)
            : this.text(piece, true);
    }
}

function asString({ code, value }) {
    return typeof value === "string" ? code : `String(${code})`;
}

function wordAt(words, value) {
    for (let at = words.indexOf(value); at >= 0; at = words.indexOf(value, at + 1)) {
        const [before, after] = [words[at - 1] ?? " ", words[at + value.length] ?? " "];
        if (!/[\p{L}\p{N}]/u.test(before) && !/[\p{L}\p{N}]/u.test(after)) return at;
    }
    return -1;
}

function plain(words) {
    return words.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** A piece of code for a string, as a part of a template. */
function within({ code }) {
    if (code.startsWith('"')) return escaped(JSON.parse(code));
    if (code.startsWith("`")) return code.slice(1, -1);
    return `\${${code}}`;
}

function escaped(words) {
    return JSON.stringify(words)
        .slice(1, -1)
        .replaceAll('\\"', '"')
        .replace(/`|\$\{/g, "\\$&");
}

// ---- the schema ----

/** Zod code that takes values like this example. */
export function schemaOf(value, indent = "", name = "") {
    if (Array.isArray(value))
        return `z.array(${value.length === 0 ? "z.unknown()" : schemaOf(value[0], indent)})`;
    if (value === null) return "z.unknown()";

    switch (typeof value) {
        case "object": {
            const inner = `${indent}    `;
            const fields = Object.entries(value).map(
                ([key, one]) =>
                    `${inner}${IDENTIFIER.test(key) ? key : JSON.stringify(key)}: ${schemaOf(one, inner, key)},\n`,
            );
            return fields.length === 0
                ? "z.object({})"
                : `z.object({\n${fields.join("")}${indent}})`;
        }
        case "string":
            return `${/^https?:\/\/\S+$/.test(value) ? "z.url()" : "z.string()"}${example(value, name)}`;
        case "number":
            return `z.number()${example(value, name)}`;
        case "boolean":
            return "z.boolean()";
        default:
            return "z.unknown()";
    }
}

function example(value, name) {
    const shown = String(value);
    if (shown === "" || shown.length > 80 || isSecretField(name)) return "";
    return `.describe(${JSON.stringify(`For example: ${shown}`)})`;
}
