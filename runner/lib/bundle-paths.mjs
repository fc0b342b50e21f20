// SPDX-License-Identifier: Apache-2.0

import { basename, dirname, extname, join } from "node:path";

/** The bundle's place: beside the entry, so that relative file names mean the same. */
export function bundlePath(entry) {
    return join(dirname(entry), `${basename(entry, extname(entry))}.impresario.mjs`);
}

/** The bundle's source map: a file of its own, read only when something throws. */
export function mapPath(bundle) {
    return `${bundle}.map`;
}
