// SPDX-License-Identifier: Apache-2.0
/** What a part has measured, kept as `var/torture/PART.json` for who compares sittings. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../var/torture/", import.meta.url));

export function keep(part, figures) {
    mkdirSync(FOLDER, { recursive: true });
    const head = { when: new Date().toISOString(), cores: cpus().length, processor: cpus()[0].model };
    writeFileSync(`${FOLDER}${part}.json`, `${JSON.stringify({ ...head, ...figures }, null, 2)}\n`);
}
