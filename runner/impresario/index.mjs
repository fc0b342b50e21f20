// SPDX-License-Identifier: Apache-2.0
//
// What a workflow imports: import { workflow, z } from "impresario". The server builds this module
// into the deployment; nothing has to be installed or declared.

export { z } from "zod";
export * from "./without-zod.mjs";
