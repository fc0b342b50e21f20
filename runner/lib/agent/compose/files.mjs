// SPDX-License-Identifier: Apache-2.0
//
// The files of a composed workflow: the steps, and beside them the few helpers that they use.

import { stripTypeScriptTypes } from "node:module";
import { posix } from "node:path";
import { Failure } from "../../failure.mjs";
import { actionsOf } from "../recorded.mjs";
import { oneLine } from "../text.mjs";
import { clean } from "./clean.mjs";
import { Inputs, schemaOf } from "./inputs.mjs";
import { Steps } from "./steps.mjs";
import { HELPERS, READ_PAGE } from "./helpers.mjs";

const DOWNLOADS = /download|export|\.(csv|pdf|xlsx?|zip)\b/i;
const NAME_WORDS = 6;
const SMALL_WORDS = new Set(
    "a an the of for and or to in on at by with from into that this then it is all please given".split(
        " ",
    ),
);

/**
 * @param {{ descriptions: string[], initial_url: string, params?: object, entry_point?: string,
 *     action_log: unknown, credential_names?: string[] }} request
 */
export function compose(request) {
    const { initial_url, params = {}, entry_point = "index.ts", credential_names = [] } = request;
    const descriptions = [request.descriptions ?? []].flat().map(String);
    const recorded = actionsOf(request.action_log);
    const { actions, left } = clean(recorded);

    if (actions.length === 0) {
        throw new Failure(
            recorded.length === 0
                ? "The action log holds no action"
                : ["Nothing in the action log can be repeated", ...left.slice(0, 20)].join("\n"),
        );
    }

    const inputs = new Inputs(params);
    const steps = new Steps({ inputs, credentialNames: credential_names });
    steps.write(actions, initial_url);

    const name = nameFor(descriptions, initial_url);
    const downloads = actions.some(
        ({ action, ways, nearby }) =>
            action === "click" && DOWNLOADS.test([...ways, nearby].join(" ")),
    );
    const typed = /\.[cm]?tsx?$/.test(entry_point);
    const text = workflowText({ name, descriptions, params, steps, downloads, typed });
    const helpers = posix.join(
        posix.dirname(entry_point),
        typed ? "page-tools.ts" : "page-tools.mjs",
    );
    const unused = inputs.leaves
        .filter(({ code }) => !inputs.used.has(code))
        .map(({ code }) => code.slice("input.".length));

    return {
        t: "composed",
        files: {
            [entry_point]: plainFor(typed, text),
            [helpers]: plainFor(typed, helpersText(steps.helpers, downloads)),
            "package.json": `${JSON.stringify({ name, private: true, type: "module" }, null, 4)}\n`,
        },
        workflow_name: name,
        summary:
            `Repeats ${actions.length} recorded ${actions.length === 1 ? "action" : "actions"} and returns what the page shows at the end.` +
            (unused.length === 0
                ? ""
                : ` No recorded value equals these params: ${unused.slice(0, 10).join(", ")}.`) +
            (steps.credentials.size === 0
                ? ""
                : ` It needs the credentials ${[...steps.credentials].join(", ")}.`),
        varied_params: null,
        steps: [...steps.said, ...left.map((sentence) => oneLine(sentence, 300))],
    };
}

function plainFor(typed, text) {
    return typed ? text : stripTypeScriptTypes(text);
}

function nameFor(descriptions, url) {
    const words = (descriptions[0] ?? "")
        .normalize("NFKD")
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, " ")
        .trim()
        .split(" ")
        .filter((word) => word !== "" && !SMALL_WORDS.has(word));
    const name = words.slice(0, NAME_WORDS).join("-").slice(0, 60).replace(/-+$/, "");
    return name || `workflow-${new URL(url).hostname.replace(/[^a-z0-9]+/gi, "-")}`;
}

function identifierFor(name) {
    const camel = name.replace(/-+([a-z0-9])/g, (_all, c) => c.toUpperCase());
    return /^[a-z]/.test(camel) ? camel : `run${camel[0].toUpperCase()}${camel.slice(1)}`;
}

function workflowText({ name, descriptions, params, steps, downloads, typed }) {
    const tools = ["readPage", ...(downloads ? ["keepDownloads"] : []), ...steps.helpers].sort();
    const about = descriptions.flatMap((one) => wrap(oneLine(one, 600)));
    const credentials = [...steps.credentials].map((one) => JSON.stringify(one.toLowerCase()));
    const usesInput = steps.inputs.used.size > 0 || credentials.length > 0;
    const lines = steps.lines[0] === "" ? steps.lines.slice(1) : steps.lines;
    const indent = " ".repeat(8);
    const body = lines.map((line) => (line === "" ? "" : line.replace(/^/gm, indent))).join("\n");

    return `${about.map((line) => `// ${line}\n`).join("")}
import { workflow, z } from "impresario";
import { ${tools.join(", ")} } from "./page-tools${typed ? ".ts" : ".mjs"}";

const Input = ${schemaOf(params)};

const Output = z.object({
    title: z.string(),
    url: z.string(),
    headings: z.array(z.string()),
    text: z.string().describe("The main text of the page, shortened when it is long"),
    tables: z.array(z.array(z.record(z.string(), z.string()))).describe("Rows by the names of their columns"),
    lists: z.array(z.array(z.string())),
    fields: z.record(z.string(), z.string()).describe("Terms and what the page says of them"),${
        downloads
            ? `
    downloads: z.array(z.object({ filename: z.string(), base64: z.string() })),`
            : ""
    }
});

export const ${identifierFor(name)} = workflow(
    ${JSON.stringify(name)},
    { input: Input, output: Output${credentials.length === 0 ? "" : `, credentials: [${credentials.join(", ")}]`} },
    async ({ page }${usesInput ? ", input" : ""}) => {${downloads ? `\n${indent}const downloads = keepDownloads(page);\n` : ""}
${body}

${indent}return ${downloads ? `{ ...(await readPage(${steps.page})), downloads: await downloads() }` : `readPage(${steps.page})`};
    },
);
`.trimStart();
}

function helpersText(used, downloads) {
    const parts = [READ_PAGE, ...[...used].sort().map((name) => HELPERS[name])];
    if (downloads) parts.push(HELPERS.keepDownloads);
    if (used.has("element") || used.has("field")) parts.push(HELPERS.firstOf);
    const types = [
        "Page",
        ...(used.has("element") || used.has("field") ? ["Locator"] : []),
        ...(downloads ? ["Download"] : []),
    ];
    return `// What the steps need to find things on a page, and to say what it shows.

import type { ${types.sort().join(", ")} } from "playwright";

${parts.map((part) => part.trim()).join("\n\n")}
`;
}

function wrap(text) {
    const lines = [""];
    for (const word of text.split(" ")) {
        if (lines.at(-1).length + word.length > 95 && lines.at(-1) !== "") lines.push("");
        lines.push(`${lines.pop()} ${word}`.trim());
    }
    return lines;
}
