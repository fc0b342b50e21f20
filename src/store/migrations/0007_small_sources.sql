-- SPDX-License-Identifier: Apache-2.0
-- A small archive is kept here, so that one commit makes it and its deployment durable; a larger one is a blob.
CREATE TABLE deployment_source (
    deployment_id TEXT PRIMARY KEY REFERENCES deployment (id),
    data        BLOB NOT NULL         -- the gzip archive, as it was uploaded
);

-- What a tenant has waiting is counted as it comes and goes: bounds are checked against it at each create.
ALTER TABLE tenant ADD COLUMN building BIGINT NOT NULL DEFAULT 0; -- how many deployments are
ALTER TABLE tenant ADD COLUMN queued BIGINT NOT NULL DEFAULT 0;   -- how many jobs are
UPDATE tenant SET building = (SELECT count(*) FROM deployment d WHERE d.tenant_id = tenant.id AND d.status = 'building'),
    queued = (SELECT count(*) FROM job j WHERE j.tenant_id = tenant.id AND j.status = 'queued');
