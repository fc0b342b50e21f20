// SPDX-License-Identifier: Apache-2.0
//
// Serves `import ... from "libretto"` where a registry does not have that package: the names that
// we can honour, and no others.

export { WorkflowInputError as LibrettoWorkflowInputError, workflow } from "./workflow.mjs";
export {
    authenticate as librettoAuthenticate,
    downloadViaClick,
    pageRequest,
    pause,
} from "./helpers.mjs";
