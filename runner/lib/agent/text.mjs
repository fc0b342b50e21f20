// SPDX-License-Identifier: Apache-2.0
//
// Words of a page, made fit for a line: one line, visible, and not longer than said.

import { describeError } from "../errors.mjs";
import { Failure } from "../failure.mjs";

/* What cannot be seen is a way to speak to a model behind a person's back. */
const UNSEEN = /[\p{Cf}\p{Co}\p{Cn}]/gu;

/** An error in the words of whoever threw it; what we refuse needs no class in front. */
export function wordsOf(error) {
    return error instanceof Failure ? error.message : describeError(error);
}

/** @param {unknown} text */
export function oneLine(text, most) {
    const clean = String(text ?? "")
        .slice(0, most * 4)
        .replace(UNSEEN, "")
        .replace(/[\s\p{Cc}]+/gu, " ")
        .trim();
    return clean.length <= most
        ? clean
        : `${clean.slice(0, most)}… (${String(text).length} characters)`;
}

export function quoted(text, most) {
    return JSON.stringify(oneLine(text, most));
}

/** An address for a line: data in it is not shown, nor is what goes on for too long. */
export function shownAddress(address, most = 300) {
    const text = String(address);
    if (/^(data|blob):/i.test(text)) return `${text.slice(0, 40)}…`;
    return oneLine(text, most);
}
