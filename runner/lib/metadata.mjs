// SPDX-License-Identifier: Apache-2.0
//
// .libretto-workflows.json: what the client says it found in the deployment. It is a claim, so it
// is read strictly, bounded, and no path in it is followed outside of the shared sources.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { statOf } from "./tree.mjs";

export const METADATA = ".libretto-workflows.json";
const METADATA_BYTES = 1024 * 1024;

/** @returns {{ workflows: object[] } | null} null when the file is not there */
export function readMetadata(root) {
    const path = join(root, METADATA);
    const stat = statOf(path);

    if (stat === null) return null;
    if (!stat.isFile() || stat.size > METADATA_BYTES) {
        throw new Failure(`${METADATA} must be a file of at most ${METADATA_BYTES} bytes`);
    }

    let value;
    try {
        value = JSON.parse(readFileSync(path, "utf8"));
    } catch (error) {
        throw new Failure(`${METADATA} is not valid JSON: ${error.message}`);
    }
    if (!Array.isArray(value?.workflows)) throw new Failure(`${METADATA} has no list "workflows"`);
    for (const entry of value.workflows) {
        if (typeof entry?.name !== "string")
            throw new Failure(`${METADATA} lists a workflow without a name`);
    }
    return value;
}
