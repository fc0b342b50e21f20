// SPDX-License-Identifier: Apache-2.0
//
// Credentials are known to a model by name only. They are filled into fields by us, and only on
// pages that belong to the site that the build is about: what a page says can talk a model into
// much, but not into typing a password elsewhere.

import { isIP } from "node:net";
import { redactor } from "../redact.mjs";
import { Failure } from "../failure.mjs";

/** Replaces the value of each credential, in all its usual forms, by `[redacted:<name>]`. */
export function credentialRedactor(credentials) {
    const each = Object.entries(credentials)
        .filter(([, value]) => typeof value === "string")
        .sort(([, a], [, b]) => b.length - a.length)
        .map(([name, value]) => redactor([value], `[redacted:${name}]`));

    return (text) => each.reduce((clean, redact) => redact(clean), text);
}

/** @returns {string} the value; a name is found whatever its case */
export function credentialOf(credentials, name) {
    const wanted = String(name).trim().toLowerCase();
    const found = Object.entries(credentials).find(([key]) => key.toLowerCase() === wanted);

    if (found !== undefined) return found[1];
    const names = Object.keys(credentials);
    throw new Failure(
        `There is no credential "${name}"; ` +
            (names.length === 0 ? "none is stored" : `there are: ${names.join(", ")}`),
    );
}

/**
 * Whether two addresses belong to one site: the same host, one below the other, or both below one
 * registered name. Without a list of public suffixes that last part is a guess, and a careful one.
 */
export function sameSite(one, other) {
    const [a, b] = [hostOf(one), hostOf(other)];

    if (a === null || b === null) return false;
    if (a === b) return true;
    if (isIP(a) !== 0 || isIP(b) !== 0) return false;
    if (!a.includes(".") || !b.includes(".")) return false;
    return a.endsWith(`.${b}`) || b.endsWith(`.${a}`) || registered(a) === registered(b);
}

function hostOf(address) {
    try {
        const { hostname, protocol } = new URL(address);
        return /^https?:$/.test(protocol) ? hostname.replace(/^\[|\]$/g, "") : null;
    } catch {
        return null;
    }
}

/* Two labels, and three below the likes of co.uk and com.br. */
function registered(host) {
    const labels = host.split(".");
    const shared = labels.at(-1).length === 2 && (labels.at(-2) ?? "").length <= 3;
    return labels.slice(shared ? -3 : -2).join(".");
}
