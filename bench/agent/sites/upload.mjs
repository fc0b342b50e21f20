// SPDX-License-Identifier: Apache-2.0
/** A file to send, and what the site makes of it. */
import { createHash } from "node:crypto";
import { page } from "../site.mjs";

export default {
    name: "upload",
    description:
        "Upload a text file whose name and content are given, and return { words, checksum } as the site reports them: the number of " +
        "words as a number, the checksum as text.",
    params: { filename: "poem.txt", content: "the quick brown fox" },
    make: (seed) => ({ salt: `s${seed}` }),
    answer({ path, method, body }, data) {
        if (path === "/file" && method === "POST") {
            // One part; the browser wrote it.
            const text = body.toString("utf8");
            const name = /filename="([^"]*)"/.exec(text)?.[1];
            const content = text.slice(text.indexOf("\r\n\r\n") + 4, text.lastIndexOf("\r\n--"));
            if (!name) return page("Upload", "<h1>Upload</h1><p role=alert>Choose a file first</p>");
            const { words, checksum } = about(data, { filename: name, content });
            return page("Report", `<h1>Report on ${name}</h1><dl><dt>Words</dt><dd>${words}</dd><dt>Checksum</dt><dd>${checksum}</dd></dl>`);
        }
        if (path !== "/") return;
        return page("Upload", `<h1>Upload</h1><form action="/file" method="post" enctype="multipart/form-data"><label>Text file <input type="file" name="f" accept=".txt"></label><button>Send</button></form>`);
    },
    fresh: () => [{ filename: "notes.txt", content: "one two three four five six" }, { filename: "long.txt", content: "word ".repeat(500).trim() }],
    expected: about,
};

function about({ salt }, { filename, content }) {
    const checksum = createHash("sha256").update(salt + filename + content).digest("hex").slice(0, 12);
    return { words: content.split(/\s+/).filter(Boolean).length, checksum };
}
