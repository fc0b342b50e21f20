-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE ai_build (               -- a workflow that the server writes itself
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenant (id),
    status      TEXT NOT NULL,        -- pending, agent_running, deploying, ready, failed
    descriptions TEXT NOT NULL,       -- JSON array of what was asked for
    initial_url TEXT NOT NULL,
    params      TEXT NOT NULL,        -- JSON object: an example of the input
    network_log TEXT,                 -- JSON array of recorded entries, or NULL
    action_log  TEXT,
    entry_point TEXT NOT NULL,
    state       TEXT,                 -- JSON: what is needed to go on; NULL before the first step and after the end
    steps       BIGINT NOT NULL DEFAULT 0,
    tokens_in   BIGINT NOT NULL DEFAULT 0,
    tokens_out  BIGINT NOT NULL DEFAULT 0,
    cost        BIGINT NOT NULL DEFAULT 0, -- millionths of the unit of the configured prices
    spent_ms    BIGINT NOT NULL DEFAULT 0, -- time at work, over all starts of the server
    deployment_id TEXT REFERENCES deployment (id),
    workflow_name TEXT,
    summary     TEXT,
    error       TEXT,
    epoch       BIGINT,               -- server epoch in which it was last taken up
    tries       INTEGER NOT NULL DEFAULT 0, -- times it was taken up since its last step
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    cancel_at   BIGINT                -- when somebody asked for its end
);
CREATE INDEX ai_build_by_tenant ON ai_build (tenant_id, updated_at);
CREATE INDEX ai_build_open ON ai_build (id) WHERE status IN ('pending', 'agent_running', 'deploying');
CREATE INDEX ai_build_by_deployment ON ai_build (deployment_id);

CREATE TABLE ai_step (                -- the story of a build, for people
    build_id    TEXT NOT NULL REFERENCES ai_build (id),
    seq         BIGINT NOT NULL,      -- 1, 2, 3 ... within the build
    kind        TEXT NOT NULL,        -- model, or the tool that was used
    what        TEXT NOT NULL,
    why         TEXT,
    outcome     TEXT,
    ok          INTEGER,              -- 0, 1, or NULL where there is no verdict
    tokens_in   BIGINT NOT NULL,
    tokens_out  BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    PRIMARY KEY (build_id, seq)
);
