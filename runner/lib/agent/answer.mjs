// SPDX-License-Identifier: Apache-2.0
//
// An answer as the server gets it. What the child says is checked here as if a stranger had said
// it: a snippet runs in its process.

import { cut } from "../frames.mjs";

/** How long a call may take when the server says nothing else. */
export const CALL_MS = 30_000;

const TEXT_BYTES = 60 * 1024;
const CHANGED_BYTES = 4 * 1024;
const IMAGE_CHARACTERS = 3 * 1024 * 1024;
const MEDIA = new Set(["image/png", "image/jpeg"]);

/**
 * @param {number} id
 * @param {object} said by the child
 * @param {(text: string) => string} redact
 */
export function answerFrame(id, said, redact) {
    const image =
        typeof said.image === "string" &&
        said.image.length <= IMAGE_CHARACTERS &&
        MEDIA.has(said.media)
            ? said.image
            : null;

    return {
        t: "answer",
        id,
        ok: said.ok === true,
        text: bounded(said.text, TEXT_BYTES, redact) ?? "",
        image,
        media: image === null ? null : said.media,
        changed: bounded(said.changed, CHANGED_BYTES, redact),
    };
}

/* Redacted before it is cut: half of a secret is still a secret. */
function bounded(text, limit, redact) {
    return typeof text === "string" ? cut(redact(text).toWellFormed(), limit) : null;
}
