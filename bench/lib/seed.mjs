// SPDX-License-Identifier: Apache-2.0
/** Rows by the million, written straight into the store of a server that does not run. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

/** The ids and names of what seed() makes, by number. */
export const deploymentId = (n) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
export const workflowName = (n) => `workflow-${n}`;

const SCHEMA = JSON.stringify({ type: "object", properties: { limit: { type: "integer" } } });

export const jobId = (n) => `01900003-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;

/**
 * Ready deployments, names that the newest of them run, completed jobs and their lines, as many for each; all of
 * one tenant.
 */
export function seed(data, { deployments, workflows, jobs, lines }) {
    const db = new DatabaseSync(join(data, "impresario.db"));
    const now = Date.now();
    const tenant = db.prepare("SELECT id FROM tenant WHERE name = 'bench-0'").get().id;
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
    db.exec(`${numbers(jobs)} INSERT INTO job (id, tenant_id, workflow_id, workflow, deployment_id,
        deployment_version, status, epoch, launch, params, options, timeout_ms, result, created_at, started_at,
        completed_at) SELECT ${uuid(3, "i")}, '${tenant}', ${uuid(2, `i % ${workflows} + 1`)},
        'workflow-' || (i % ${workflows} + 1), ${uuid(0, `${deployments} - i % ${workflows}`)}, 1, 'completed', 1, '{}',
        '{"limit":3}', '{}', 60000, '{"found":3}', ${now}, ${now}, ${now} FROM n`);
    db.exec(`${numbers(lines)} INSERT INTO job_log (tenant_id, job_id, workflow, level, message, at)
        SELECT '${tenant}', ${uuid(3, `i / ${Math.ceil(lines / jobs)} + 1`)},
        'workflow-' || ((i / ${Math.ceil(lines / jobs)} + 1) % ${workflows} + 1), 'info', 'page ' || i || ' read', ${now} FROM n`);
    db.exec(`UPDATE tenant SET deployments = ${deployments} WHERE id = '${tenant}'; COMMIT; PRAGMA journal_mode = WAL`);
    db.close();
}
