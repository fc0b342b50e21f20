// SPDX-License-Identifier: Apache-2.0
/** Rows by the million, written straight into the store of a server that does not run. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

/** The ids and names of what seed() makes, by number. */
export const deploymentId = (n) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
export const workflowName = (n) => `workflow-${n}`;

const SCHEMA = JSON.stringify({ type: "object", properties: { limit: { type: "integer" } } });

/** Ready deployments, and names that the newest of them run; all of the only tenant. */
export function seed(data, { deployments, workflows }) {
    const db = new DatabaseSync(join(data, "impresario.db"));
    const now = Date.now();
    const tenant = db.prepare("SELECT id FROM tenant").get().id;
    const numbers = (n) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`;
    const uuid = (kind, i) => `printf('0190000${kind}-0000-7000-8000-%012x', ${i})`;

    // Nobody's data yet: what a crash would leave half done is made anew.
    db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN");
    db.exec(`${numbers(workflows)} INSERT INTO bundle (id, tenant_id, content_key, blob_key, size, kind, entry,
        layer, workflows, created_at) SELECT ${uuid(1, "i")}, '${tenant}', printf('%064x', i),
        'bundles/' || ${uuid(1, "i")} || '/bundle.tar', 10240, 'plain', 'index.js', NULL, '[]', ${now} FROM n`);
    db.exec(`${numbers(deployments)} INSERT INTO deployment (id, tenant_id, version, status, description,
        entry_point, auto_repair, source_key, source_size, source_digest, bundle_id, workflows, created_at, built_at)
        SELECT ${uuid(0, "i")}, '${tenant}', i, 'ready', NULL, 'index.js', 0,
        'deployments/' || ${uuid(0, "i")} || '/source.tar.gz', 4096, printf('%064x', i),
        ${uuid(1, `i % ${workflows} + 1`)}, '["workflow-' || (i % ${workflows} + 1) || '"]', ${now}, ${now} FROM n`);
    db.exec(`${numbers(workflows)} INSERT INTO workflow (id, tenant_id, name, deployment_id, launch, input_schema,
        output_schema, created_at, updated_at) SELECT ${uuid(2, "i")}, '${tenant}', 'workflow-' || i,
        ${uuid(0, `${deployments} - i + 1`)}, '{}', '${SCHEMA}', NULL, ${now}, ${now} FROM n`);
    db.exec(`UPDATE tenant SET deployments = ${deployments}; COMMIT; PRAGMA journal_mode = WAL`);
    db.close();
}
