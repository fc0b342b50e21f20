// SPDX-License-Identifier: Apache-2.0
//
// Box: recorded actions become the source of a workflow, without any model. The same box shortens
// both logs to what a model should see of them.

import { json } from "node:stream/consumers";
import { Failure } from "./lib/failure.mjs";
import { box } from "./lib/frames.mjs";
import { compose } from "./lib/agent/compose/files.mjs";
import { actionsForModel, requestsForModel } from "./lib/agent/recorded.mjs";

const EVIDENCE_CHARACTERS = 32_000;

process.exitCode = await box(async () => {
    const request = await json(process.stdin);

    if (request.evidence_only === true) {
        return {
            t: "evidence",
            actions: shortened(actionsForModel(request.action_log)),
            network: shortened(requestsForModel(request.network_log)),
        };
    }
    if (!URL.canParse(request.initial_url)) throw new Failure("initial_url is not an address");
    return compose(request);
});

function shortened(text) {
    return text.length <= EVIDENCE_CHARACTERS
        ? text
        : `${text.slice(0, EVIDENCE_CHARACTERS)}… (${text.length - EVIDENCE_CHARACTERS} more characters)`;
}
