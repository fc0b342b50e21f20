// SPDX-License-Identifier: Apache-2.0
//
// What JavaScript writes as JSON and the server's parser refuses: NULs and halves of characters, which
// a page's texts have when they are cut anywhere, and whole numbers beyond 64 bits.

const ESCAPES = /\\(?:u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})|[^])/g;
const STRINGS_AND_LONG_NUMBERS = /"(?:[^"\\]+|\\.)*"|-?\d{19,}/g;
const TOO_LARGE = 2 ** 63;

/**
 * The same JSON with U+FFFD for NUL and for a surrogate without its other half (JSON.stringify writes whole
 * characters as they are and only those two so), and with numbers of 2^63 and more as 1.8e+19.
 */
export function plain(json) {
    if (/\\u(?:0000|[dD][89a-fA-F])/.test(json))
        json = json.replace(ESCAPES, (escape) => (escape.length > 2 ? "\\ufffd" : escape));
    if (/\d{19}/.test(json))
        json = json.replace(STRINGS_AND_LONG_NUMBERS, (token) =>
            token[0] !== '"' && Math.abs(Number(token)) >= TOO_LARGE
                ? Number(token).toExponential()
                : token,
        );
    return json;
}

/** How many arrays and objects stand inside of one another, at the deepest place. */
export function depthOf(json) {
    let depth = 0;
    let deepest = 0;

    for (const [token] of json.matchAll(/"(?:[^"\\]+|\\.)*"|[[\]{}]/g)) {
        if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
        else if (token === "]" || token === "}") depth--;
    }
    return deepest;
}
