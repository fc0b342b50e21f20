-- SPDX-License-Identifier: Apache-2.0
-- Tenants take turns: finds the next one with something that waits, its oldest, and how many. With the
-- status in them, counting needs no look at the rows.
CREATE INDEX job_waiting ON job (tenant_id, id, status) WHERE status = 'queued';
CREATE INDEX deployment_waiting ON deployment (tenant_id, id, status) WHERE status = 'building';
DROP INDEX job_open;
CREATE INDEX job_open ON job (id, status) WHERE status IN ('queued', 'starting_browser', 'running');
