-- SPDX-License-Identifier: Apache-2.0
-- What is a day old is found without looking at the rest.
CREATE INDEX idempotency_by_age ON idempotency (created_at);
