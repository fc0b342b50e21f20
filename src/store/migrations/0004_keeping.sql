-- SPDX-License-Identifier: Apache-2.0
ALTER TABLE job ADD COLUMN callback_sealed BLOB; -- callback_secret, sealed as credentials are; see domain/seal.h
-- Earlier versions kept it in clear among the options, and delivered nothing that would need them.
UPDATE job SET options = '{}' WHERE options LIKE '%callback_secret%';
