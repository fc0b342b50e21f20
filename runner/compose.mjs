// SPDX-License-Identifier: Apache-2.0
//
// Box: recorded actions become the source of a workflow, without any model.

import { json } from "node:stream/consumers";
import { Failure } from "./lib/failure.mjs";
import { box } from "./lib/frames.mjs";
import { compose } from "./lib/agent/compose/files.mjs";

process.exitCode = await box(async () => {
    const request = await json(process.stdin);

    if (!URL.canParse(request.initial_url)) throw new Failure("initial_url is not an address");
    return compose(request);
});
