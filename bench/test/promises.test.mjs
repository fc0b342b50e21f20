// SPDX-License-Identifier: Apache-2.0
/** The bench measures no server that keeps less than it says: the check that sees to it is able to fail. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { judge } from "../lib/promises.mjs";
import { scratch } from "../lib/place.mjs";
import { template } from "../lib/server.mjs";
import { observe, ours } from "../parts/durability.mjs";

const ANSWER = '9 sendmsg(7<socket:[1]>, {msg_iov=[{iov_base="HTTP/1.1 200 OK\\r\\n"...}]}, 0) = 90';
const trace = (...lines) => [ANSWER, ...lines.map((line) => `9 ${line}`), ANSWER].join("\n");
const broken = (...lines) => judge(trace(...lines), "/d").broken;

test("what was written and synced may be answered", () => {
    assert.deepEqual(
        broken(
            'openat(AT_FDCWD</x>, "/d/temp/1", O_WRONLY|O_CREAT|O_EXCL, 0600) = 5</d/temp/1>',
            'write(5</d/temp/1>, "abc", 3) = 3',
            "fsync(5</d/temp/1>) = 0",
            'rename("/d/temp/1", "/d/blobs/1") = 0',
            "fsync(6</d/blobs>) = 0",
            'pwrite64(4</d/s.db-wal>, "abc"..., 4096, 0) = 4096',
            "fdatasync(4</d/s.db-wal>) = 0",
        ),
        [],
    );
});

test("an answer before its sync, a sync before the last write and a name that is not synced are found", () => {
    const write = 'pwrite64(4</d/s.db-wal>, "abc"..., 4096, 0) = 4096';
    const sync = "fdatasync(4</d/s.db-wal>) = 0";
    assert.match(broken(write).join(), /s\.db-wal unsynced/);
    assert.match(broken(sync, write).join(), /s\.db-wal unsynced/);
    assert.match(broken(write, "fdatasync(4</d/s.db-wal> <unfinished ...>").join(), /s\.db-wal unsynced/);
    assert.match(
        broken(write, sync, 'rename("/d/temp/1", "/d/blobs/1") = 0').join(),
        /name of \/d\/blobs\/1/,
    );
    assert.match(broken(write, "fdatasync(4</d/s.db-wal>) = -1 EIO (Input/output error)").join(), /unsynced/);
    assert.match(broken().join(), /0 of 1 bytes/);
});

test("the database may wait for its checkpoint when the log is synced, and else not", () => {
    const database = 'pwrite64(3</d/s.db>, "abc"..., 4096, 0) = 4096';
    const log = ['pwrite64(4</d/s.db-wal>, "abc"..., 4096, 0) = 4096', "fdatasync(4</d/s.db-wal>) = 0"];
    assert.deepEqual(broken(...log, database), []);
    assert.match(broken(database).join(), /s\.db unsynced/);
});

test("the product's server passes, one that syncs nothing or not at each commit fails", async () => {
    const bench = { scratch: scratch(process.env.IMPRESARIO_BENCH_SCRATCH ?? "/var/tmp") };
    const made = await template(bench);
    const library = join(bench.scratch.folder("weaker"), "weaker.so");
    const source = fileURLToPath(new URL("weaker.c", import.meta.url));
    execFileSync("cc", ["-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, source, "-ldl"]);
    const seen = (weaker) =>
        observe(bench, made.keys[0], ours(made, { LD_PRELOAD: library, WEAKER: weaker }));

    assert.deepEqual(await seen("no"), []);
    assert.match((await seen("fsync")).join("\n"), /unsynced/);
    assert.match((await seen("normal")).join("\n"), /impresario\.db-wal unsynced/);
});
