-- SPDX-License-Identifier: Apache-2.0
-- Tenants take turns: finds the next one with something that waits, its oldest, and how many.
CREATE INDEX job_waiting ON job (tenant_id, id) WHERE status = 'queued';
CREATE INDEX deployment_waiting ON deployment (tenant_id, id) WHERE status = 'building';
