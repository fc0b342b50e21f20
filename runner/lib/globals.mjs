// SPDX-License-Identifier: Apache-2.0
//
// What CommonJS files of an author take for granted, given to them where they land in one ES
// module. esbuild injects these names only where they are used and not declared.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

export const __filename = /* @__PURE__ */ fileURLToPath(import.meta.url);
export const __dirname = /* @__PURE__ */ dirname(__filename);
