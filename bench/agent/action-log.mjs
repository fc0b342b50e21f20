// SPDX-License-Identifier: Apache-2.0
/** What a recorder would have kept of a person's visit: the entries of action-logs/<site>.mjs with what every entry has. */
export const actionLog = (entries, url) =>
    entries.map((entry, i) => ({
        ts: new Date(1_700_000_000_000 + 1000 * i).toISOString(),
        pageId: "page-1",
        source: "user",
        success: true,
        ...JSON.parse(JSON.stringify(entry).replaceAll("http://site.test/", url)),
    }));
