-- SPDX-License-Identifier: Apache-2.0
-- How often a browser was started for a job in vain, before anything of the tenant's ran.
ALTER TABLE job ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
