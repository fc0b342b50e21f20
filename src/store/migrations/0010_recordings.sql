-- SPDX-License-Identifier: Apache-2.0
-- What a client recorded can be large, and its build is written at every step: it has a row of its own.
CREATE TABLE ai_recording (
    build_id    TEXT PRIMARY KEY REFERENCES ai_build (id),
    network_log TEXT,                 -- JSON array of recorded entries, or NULL
    action_log  TEXT
);
INSERT INTO ai_recording (build_id, network_log, action_log)
    SELECT id, network_log, action_log FROM ai_build WHERE network_log IS NOT NULL OR action_log IS NOT NULL;
ALTER TABLE ai_build DROP COLUMN network_log;
ALTER TABLE ai_build DROP COLUMN action_log;
