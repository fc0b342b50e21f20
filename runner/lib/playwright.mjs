// SPDX-License-Identifier: Apache-2.0
//
// The browser library, loaded once: whoever requires or imports it finds this very one.

import { createRequire, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const playwright = require("playwright");

export default playwright;

/**
 * Makes an author's `import` of it cost nothing. Node would read all seven megabytes of its CommonJS
 * once more, for names that may be exported; its index.mjs asks for the default export alone. So
 * that one is found here, where it is loaded already.
 */
export async function loadForImport() {
    const index = pathToFileURL(require.resolve("playwright-core")).href;
    const hooks = registerHooks({
        resolve(specifier, context, next) {
            const found = next(specifier, context);
            return found.url === index ? { url: import.meta.url, format: "module", shortCircuit: true } : found;
        },
    });

    await import("playwright");
    hooks.deregister();
}
