-- SPDX-License-Identifier: Apache-2.0
-- Which walls stood around a build or a job: "full", "strong" or "below"; see exec/probe.h.
ALTER TABLE server ADD COLUMN sandbox_level TEXT;     -- of this start, found before anything ran; NULL: before there was this column
ALTER TABLE deployment ADD COLUMN sandbox_level TEXT; -- when a builder last took it; NULL: none did, or an earlier version
ALTER TABLE job ADD COLUMN sandbox_level TEXT;        -- when it left the queue; NULL: it did not, or an earlier version ran it
