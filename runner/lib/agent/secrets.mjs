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
 * Whether a page belongs to a site that is named by an address: it is on the same host, or on one below
 * it, and no less encrypted; "www." in the address's host does not count. Which names above a host are one owner's, and which are
 * handed out to anybody, only a list of public suffixes knows.
 * @param {string} site the address that names it
 * @param {string} page
 */
export function sameSite(site, page) {
    const [named, host] = [hostOf(site), hostOf(page)];

    if (named === null || host === null) return false;
    if (/^https:/i.test(site) && !/^https:/i.test(page)) return false;
    if (named === host) return true;
    if (isIP(named) !== 0 || isIP(host) !== 0) return false;
    const top = named.replace(/^www\./, "");
    return top.includes(".") && (host === top || host.endsWith(`.${top}`));
}

function hostOf(address) {
    try {
        const { hostname, protocol } = new URL(address);
        return /^https?:$/.test(protocol) ? hostname.replace(/^\[|\]$/g, "") : null;
    } catch {
        return null;
    }
}
