-- SPDX-License-Identifier: Apache-2.0
-- Times are milliseconds since 1970 (UTC), ids are UUIDs of version 7 as text, JSON is text.

CREATE TABLE server (                -- one row: facts about this store
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    epoch       BIGINT NOT NULL      -- raised at every start; work claimed in an older one is orphaned
);
INSERT INTO server (id, epoch) VALUES (1, 0);

CREATE TABLE tenant (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    deployments BIGINT NOT NULL DEFAULT 0, -- how many were ever created: the last deployment_version
    created_at  BIGINT NOT NULL
);

CREATE TABLE api_key (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    label       TEXT NOT NULL,
    start       TEXT NOT NULL,        -- the first characters, for people to tell keys apart
    digest      TEXT NOT NULL UNIQUE, -- SHA-256 of the key, hex; the key itself is never kept
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT                -- NULL while it opens the door
);

CREATE TABLE deployment (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    version     BIGINT NOT NULL,      -- 1, 2, 3 ... within the tenant
    status      TEXT NOT NULL,        -- building, ready, failed
    description TEXT,
    entry_point TEXT NOT NULL,
    auto_repair INTEGER NOT NULL,     -- 0 or 1
    source_key  TEXT,                 -- blob; NULL once no name and no job needs it
    source_size BIGINT NOT NULL,      -- bytes of the gzip archive
    source_digest TEXT NOT NULL,      -- SHA-256, hex
    bundle_id   TEXT,                 -- NULL until ready
    build_error TEXT,
    build_epoch BIGINT,               -- server epoch in which a builder last took it
    build_tries INTEGER NOT NULL DEFAULT 0,
    workflows   TEXT,                 -- JSON array of names, sorted; NULL until ready
    created_at  BIGINT NOT NULL,
    built_at    BIGINT,               -- set for ready and failed
    UNIQUE (tenant_id, version)
);
CREATE INDEX deployment_by_tenant ON deployment (tenant_id, id);
CREATE INDEX deployment_to_build ON deployment (id) WHERE status = 'building';
CREATE INDEX deployment_by_bundle ON deployment (bundle_id);

CREATE TABLE build_log (
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    seq         BIGINT NOT NULL,      -- 1, 2, 3 ... within the deployment
    at          BIGINT NOT NULL,
    stream      TEXT NOT NULL,        -- stdout, stderr, system
    phase       TEXT NOT NULL,
    message     TEXT NOT NULL,
    PRIMARY KEY (deployment_id, seq)
);

CREATE TABLE layer (                  -- an installed set of dependencies, shared by all bundles that name it
    digest      TEXT PRIMARY KEY,     -- of the dependencies, lockfile, Node's version and platform
    packages    BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    lockfile    TEXT,                 -- what was resolved, so that a build can be repeated
    created_at  BIGINT NOT NULL
);

CREATE TABLE bundle (                 -- what one content became; several deployments may share it
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    content_key TEXT NOT NULL,        -- of the uploaded content, the same for equal code
    blob_key    TEXT NOT NULL,        -- the tar that a slot unpacks
    size        BIGINT NOT NULL,
    kind        TEXT NOT NULL,        -- bootstrap, plain
    entry       TEXT NOT NULL,        -- the module that is imported, relative
    layer       TEXT REFERENCES layer (digest),
    workflows   TEXT NOT NULL,        -- JSON array of what discovery found
    created_at  BIGINT NOT NULL,
    UNIQUE (tenant_id, content_key)
);

CREATE TABLE workflow (               -- a name, and the deployment that it runs
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    name        TEXT NOT NULL,
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    launch      TEXT NOT NULL,        -- JSON: what discovery found of it, without the schemas
    input_schema TEXT,                -- JSON Schema, or NULL
    output_schema TEXT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX workflow_by_deployment ON workflow (deployment_id);

CREATE TABLE job (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    workflow_id TEXT NOT NULL,        -- of the name when the job was created; the name may be gone since
    workflow    TEXT NOT NULL,
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    deployment_version BIGINT NOT NULL,
    status      TEXT NOT NULL,        -- queued, starting_browser, running, completed, failed, cancelled
    epoch       BIGINT,               -- server epoch in which it left the queue
    launch      TEXT NOT NULL,        -- JSON: the workflow's launch metadata with the job's overrides
    params      TEXT NOT NULL,        -- JSON object as given
    options     TEXT NOT NULL,        -- JSON: what else was asked for (callbacks, proxies)
    credential_id TEXT,
    nonce       TEXT,
    request_digest TEXT,              -- of the request, to tell a repeated one from another
    timeout_ms  BIGINT NOT NULL,
    result      TEXT,                 -- JSON; only for completed
    error       TEXT,
    mapped_stack TEXT,
    screenshot_key TEXT,              -- blobs kept when a handler threw
    html_key    TEXT,
    created_at  BIGINT NOT NULL,
    started_at  BIGINT,               -- durable before tenant code runs
    cancel_at   BIGINT,               -- when somebody asked for its end
    completed_at BIGINT,
    UNIQUE (tenant_id, nonce)
);
CREATE INDEX job_by_tenant ON job (tenant_id, id);
CREATE INDEX job_by_workflow ON job (tenant_id, workflow, id);
CREATE INDEX job_open ON job (id) WHERE status IN ('queued', 'starting_browser', 'running');
CREATE INDEX job_by_deployment ON job (deployment_id);

CREATE TABLE job_log (
    id          INTEGER PRIMARY KEY,  -- rises with every line
    tenant_id   TEXT NOT NULL,
    job_id      TEXT NOT NULL REFERENCES job (id),
    workflow    TEXT NOT NULL,
    level       TEXT NOT NULL,        -- info, warn, error
    message     TEXT NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX job_log_by_job ON job_log (job_id, id);
CREATE INDEX job_log_by_tenant ON job_log (tenant_id, id);
CREATE INDEX job_log_by_age ON job_log (at);

CREATE TABLE credential (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    name        TEXT NOT NULL,        -- as typed
    match_name  TEXT NOT NULL,        -- trimmed, lower case: what workflows declare
    sealed      BLOB NOT NULL,        -- nonce, ciphertext, tag; see domain/seal.h
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (tenant_id, match_name)
);

CREATE TABLE browser_profile (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    name        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE idempotency (            -- answers to creates that carried an Idempotency-Key
    tenant_id   TEXT NOT NULL,
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    answer      TEXT NOT NULL,        -- JSON
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, route, key)
)
