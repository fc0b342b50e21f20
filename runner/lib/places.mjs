// SPDX-License-Identifier: Apache-2.0
//
// Where things lie inside a box. Every box has the same layout; the variables exist so that the
// tests can build it in a temporary folder, and the server never sets them.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const env = process.env;

/** This folder of ours, read-only in a box: /opt/impresario/runner. */
export const runner = dirname(dirname(fileURLToPath(import.meta.url)));

/** The box's writable folder. What a deployment may see lies in it. */
export const work = env.IMPRESARIO_WORK ?? "/work";

/** The deployment's files, and the working folder of the author's code. */
export const app = join(work, "app");

/** The private TMPDIR, a child of `work` so that lookups from it find `work`/node_modules. */
export const tmp = join(work, "tmp");

/** Where an install leaves the finished layer. */
export const out = env.IMPRESARIO_OUT ?? "/out";

/** The server's own binary, used as a tool: `pack` and `unpack`. */
export const tool = env.IMPRESARIO_TOOL ?? join(dirname(runner), "bin", "impresario");

/** In a box this is our tool, which leads to the browser's box. */
export const chromium = env.IMPRESARIO_CHROMIUM ?? "/usr/lib/chromium/chromium";

/** The certificates of this machine, for npm. */
export const certificates = "/etc/ssl/certs/ca-certificates.crt";
