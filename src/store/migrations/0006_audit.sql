-- SPDX-License-Identifier: Apache-2.0
-- Who did what, and when; see domain/audit.h. Rows are only ever added.
CREATE TABLE audit (
    seq       BIGINT PRIMARY KEY,     -- 1, 2, 3 ... without gaps
    at        BIGINT NOT NULL,        -- milliseconds since 1970
    actor     TEXT NOT NULL,          -- 'key ID', 'host uid N', 'server', or 'peer ADDRESS' of one who was refused
    tenant_id TEXT,                   -- NULL: of the server itself
    action    TEXT NOT NULL,          -- 'job.created'
    subject   TEXT NOT NULL,          -- the id or the name of what it was done to
    detail    TEXT NOT NULL,          -- what else matters, for people; never a secret
    digest    TEXT NOT NULL           -- SHA-256 of the digest before and of this row
);

-- The last row, signed under the master key: rows that are cut off at the end are missed.
CREATE TABLE audit_head (
    one    BIGINT PRIMARY KEY,        -- 1
    seq    BIGINT NOT NULL,
    digest TEXT NOT NULL,
    mac    TEXT NOT NULL              -- HMAC-SHA-256 of the two
);

-- What needs the master key, looked for at each start.
CREATE INDEX job_with_callback ON job (id) WHERE callback_sealed IS NOT NULL;
