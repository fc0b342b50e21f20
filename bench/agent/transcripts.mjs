// SPDX-License-Identifier: Apache-2.0
/**
 * The model's part of a build for each site: it looks, tries one thing on the live page, writes the
 * workflow of transcripts/<site>.ts, runs it, and finishes. `http://site.test/` stands for the address that
 * the site has this time.
 */
import { readFileSync } from "node:fs";
import { TRIED } from "./transcripts/tried.mjs";

export function sourceOf(name, url) {
    const text = readFileSync(new URL(`transcripts/${name}.ts`, import.meta.url), "utf8");
    return text.replaceAll("http://site.test/", url);
}

/** The turns that a good model would take, in order. */
export function turnsOf(site, url) {
    const source = sourceOf(site.name, url);
    const [, workflowName] = /workflow\(\s*"([^"]+)"/.exec(source);
    const { code, why, varied } = TRIED[site.name];

    return [
        { text: "I look at the page first.", calls: { tool: "snapshot", input: {} } },
        ...(code ? [{ text: why, calls: { tool: "act", input: { code, why } } }] : []),
        {
            text: "That works. I write the workflow.",
            calls: { tool: "write_file", input: { path: "index.ts", content: source } },
        },
        { text: "Now a clean run.", calls: { tool: "run_workflow", input: { params: site.params } } },
        {
            text: "The result is what was asked for.",
            calls: {
                tool: "finish",
                input: {
                    workflow_name: workflowName,
                    summary: `${why} Then it returns what the description asks for.`,
                    varied_params: varied,
                },
            },
        },
    ];
}
