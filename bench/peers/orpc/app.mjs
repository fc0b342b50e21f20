// SPDX-License-Identifier: Apache-2.0
/**
 * The peer: the server that a good TypeScript team would write with oRPC, Zod and SQLite. Three routes
 * with the paths, the checks and the answers of Impresario's; a 200 means that the blob and the row are
 * on disk. What differs between Node and Bun (the SQLite binding, the HTTP front) is handed in.
 *
 * Where there was a choice the faster one was taken: statements are prepared once, keys are known by
 * their digest in memory, no answer is validated, blobs get one folder and their final name at once.
 */
import { createHash, randomBytes } from "node:crypto";
import { fsync, mkdirSync, openSync, readFileSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ORPCError, os } from "@orpc/server";
import { z } from "zod";

const SCHEMA = `
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS tenant (
        id TEXT PRIMARY KEY, deployments INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE IF NOT EXISTS api_key (digest TEXT PRIMARY KEY, tenant_id TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS deployment (
        id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL,
        description TEXT, entry_point TEXT NOT NULL, auto_repair INTEGER NOT NULL, source_key TEXT,
        source_size INTEGER, source_digest TEXT, bundle_key TEXT, build_error TEXT, workflows TEXT,
        created_at INTEGER NOT NULL, built_at INTEGER, sandbox_level TEXT, UNIQUE (tenant_id, version)) STRICT;
    CREATE INDEX IF NOT EXISTS deployment_by_tenant ON deployment (tenant_id, id);
    CREATE TABLE IF NOT EXISTS workflow (
        id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, name TEXT NOT NULL,
        deployment_id TEXT NOT NULL REFERENCES deployment (id), input_schema TEXT, output_schema TEXT,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (tenant_id, name)) STRICT;`;

const iso = (at) => (at === null ? null : new Date(at).toISOString());
const parsed = (text) => (text === null ? null : JSON.parse(text));
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** A UUID of version 7: time first, so that the index grows at its end. */
function uuid7() {
    const bytes = randomBytes(16);
    bytes.writeUIntBE(Date.now(), 0, 6);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = bytes.toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Puts what Impresario answered into the peer's store, so that both are asked for the same thing. */
function seed(db, { keys, deployment, workflow }) {
    const tenants = db.prepare("INSERT INTO tenant (id) VALUES (?)");
    const known = db.prepare("INSERT INTO api_key (digest, tenant_id) VALUES (?, ?)");
    const ids = keys.map((key) => {
        const id = uuid7();
        tenants.run(id);
        known.run(sha256(key), id);
        return id;
    });
    if (deployment)
        db.prepare(
            `INSERT INTO deployment (id, tenant_id, version, status, description, entry_point, auto_repair,
                source_key, bundle_key, build_error, workflows, created_at, built_at, sandbox_level)
             VALUES (?, ?, 1, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(
            deployment.id,
            ids[0],
            deployment.status,
            deployment.description,
            deployment.entry_point,
            deployment.source_path,
            deployment.bundle_path,
            deployment.build_error,
            JSON.stringify(deployment.workflows),
            Date.parse(deployment.created_at),
            Date.parse(deployment.built_at),
            deployment.sandbox_level,
        );
    if (workflow)
        db.prepare(
            `INSERT INTO workflow (id, tenant_id, name, deployment_id, input_schema, output_schema, created_at,
                updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ).run(
            uuid7(),
            ids[0],
            workflow.workflow,
            workflow.deployment_id,
            workflow.input_schema && JSON.stringify(workflow.input_schema),
            workflow.output_schema && JSON.stringify(workflow.output_schema),
            Date.parse(workflow.created_at),
            Date.parse(workflow.updated_at),
        );
    db.prepare("UPDATE tenant SET deployments = 1 WHERE id = ?").run(ids[0]);
}

/**
 * The router over the folder `data`.
 *
 * @param {(path: string) => any} openDatabase  with exec(), prepare(), transaction()
 * @param {string} data  the folder
 * @param {string} [seedFile]  JSON: keys, and what to answer
 */
export function app(openDatabase, data, seedFile) {
    const folder = join(data, "blobs");
    mkdirSync(folder, { recursive: true });
    const folderFd = openSync(folder, "r");
    const syncFolder = promisify(fsync);
    const db = openDatabase(join(data, "peer.db"));
    db.exec(SCHEMA);
    if (seedFile) seed(db, JSON.parse(readFileSync(seedFile, "utf8")));

    const tenants = new Map();
    const findKey = db.prepare("SELECT tenant_id FROM api_key WHERE digest = ?");
    const nextVersion = db.prepare(
        "UPDATE tenant SET deployments = deployments + 1 WHERE id = ? RETURNING deployments",
    );
    const addDeployment = db.prepare(
        `INSERT INTO deployment (id, tenant_id, version, status, description, entry_point, auto_repair,
            source_key, source_size, source_digest, created_at) VALUES (?, ?, ?, 'building', ?, ?, ?, ?, ?, ?, ?)`,
    );
    const findDeployment = db.prepare("SELECT * FROM deployment WHERE id = ? AND tenant_id = ?");
    const findWorkflow = db.prepare(
        `SELECT w.*, d.status AS deployment_status, d.created_at AS deployment_created_at,
            d.built_at AS deployment_built_at
         FROM workflow w JOIN deployment d ON d.id = w.deployment_id WHERE w.tenant_id = ? AND w.name = ?`,
    );
    const insert = db.transaction((row) => {
        const { deployments } = nextVersion.get(row.tenant);
        addDeployment.run(
            row.id,
            row.tenant,
            deployments,
            row.description,
            row.entry,
            row.repair,
            row.key,
            row.size,
            row.digest,
            row.at,
        );
    });

    const authed = os.$context().use(({ context, next }) => {
        const digest = context.key && sha256(context.key);
        let tenant = tenants.get(digest);
        if (digest && !tenant) {
            tenant = findKey.get(digest)?.tenant_id;
            if (tenant) tenants.set(digest, tenant);
        }
        if (!tenant) throw new ORPCError("UNAUTHORIZED");
        return next({ context: { tenant } });
    });

    const create = authed
        .input(
            z.object({
                source: z.string().min(1),
                entry_point: z.string().min(1).max(1024).default("index.ts"),
                description: z.string().max(2000).optional(),
                auto_repair: z.boolean().default(false),
            }),
        )
        .handler(async ({ input, context }) => {
            const bytes = Buffer.from(input.source, "base64");
            if (bytes.length < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8)
                throw new ORPCError("BAD_REQUEST", { message: "source is not the base64 of a gzip tarball" });
            const padding = input.source.endsWith("==") ? 2 : input.source.endsWith("=") ? 1 : 0;
            if (bytes.length !== Math.floor(((input.source.length - padding) * 3) / 4))
                throw new ORPCError("BAD_REQUEST", { message: "source is not base64" });
            const id = uuid7();
            const key = `${id}.tar.gz`;
            const file = await openFile(join(folder, key), "wx", 0o600);
            try {
                await file.writeFile(bytes);
                await file.sync();
            } finally {
                await file.close();
            }
            await syncFolder(folderFd);
            const at = Date.now();
            insert({
                id,
                tenant: context.tenant,
                description: input.description ?? null,
                entry: input.entry_point,
                repair: input.auto_repair ? 1 : 0,
                key,
                size: bytes.length,
                digest: sha256(bytes),
                at,
            });
            return { deployment_id: id, status: "building", created_at: iso(at) };
        });

    const sync = authed
        .input(z.object({ id: z.uuid(), wait_seconds: z.int().min(0).max(60).optional() }))
        .handler(({ input, context }) => {
            const row = findDeployment.get(input.id, context.tenant);
            if (!row) throw new ORPCError("NOT_FOUND");
            return {
                id: row.id,
                deployment_id: row.id,
                description: row.description,
                status: row.status,
                source_path: row.source_key,
                bundle_path: row.bundle_key,
                build_error: row.build_error,
                entry_point: row.entry_point,
                built_at: iso(row.built_at),
                sandbox_level: row.sandbox_level,
                created_at: iso(row.created_at),
                workflows: parsed(row.workflows),
            };
        });

    const get = authed
        .input(z.object({ workflow: z.string().min(1).max(200) }))
        .handler(({ input, context }) => {
            const row = findWorkflow.get(context.tenant, input.workflow);
            if (!row) throw new ORPCError("NOT_FOUND");
            return {
                workflow: row.name,
                deployment_id: row.deployment_id,
                deployment_status: row.deployment_status,
                deployment_created_at: iso(row.deployment_created_at),
                deployment_built_at: iso(row.deployment_built_at),
                created_at: iso(row.created_at),
                updated_at: iso(row.updated_at),
                input_schema: parsed(row.input_schema),
                output_schema: parsed(row.output_schema),
                sharing_enabled: false,
                publication: null,
            };
        });

    return { deployments: { create, sync }, workflows: { get } };
}
