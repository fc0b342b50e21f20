// SPDX-License-Identifier: Apache-2.0
//
// For files that do not import `z`: see ours() in lib/bundle.mjs.

export { WorkflowInputError, workflow } from "./workflow.mjs";
export { authenticate, downloadViaClick, pageRequest, pause } from "./helpers.mjs";
