-- SPDX-License-Identifier: Apache-2.0
ALTER TABLE job ADD COLUMN callback_sealed BLOB; -- callback_secret, sealed as credentials are; see domain/seal.h
-- Earlier versions kept it in clear among the options, and delivered nothing that would need them.
UPDATE job SET options = '{}' WHERE options LIKE '%callback_secret%';

-- What the sweeper looks for.
CREATE INDEX job_with_artifacts ON job (completed_at) WHERE screenshot_key IS NOT NULL OR html_key IS NOT NULL;
CREATE INDEX deployment_with_code ON deployment (built_at) WHERE source_key IS NOT NULL OR bundle_id IS NOT NULL;
CREATE INDEX bundle_by_layer ON bundle (layer);
