// SPDX-License-Identifier: Apache-2.0
/** Debian's PostgreSQL in a folder of its own, reached by a socket in it. It refuses root, so it gets its own user. */
import { chownSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Child, run } from "./children.mjs";

const BINARIES = "/usr/lib/postgresql";

function owner() {
    if (process.getuid() !== 0) return {};
    const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
    return { uid: Number(uid), gid: Number(gid) };
}

/** As durable as ours: fsync and synchronous_commit are on, which are its defaults; said here to be seen. */
const SETTINGS = {
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    listen_addresses: "",
    shared_buffers: "256MB",
    max_wal_size: "4GB",
    max_connections: "100",
};

/** @returns {Promise<Child & {sockets: string}>} with a database "bench" of a user "bench" */
export async function startPostgres(bench) {
    const folder = bench.scratch.folder("postgres");
    const version = readdirSync(BINARIES)
        .sort((a, b) => a - b)
        .at(-1);
    const program = (name) => join(BINARIES, version, "bin", name);
    const as = owner();
    const data = join(folder, "data");
    mkdirSync(data, { mode: 0o700 });
    if (as.uid) for (const path of [folder, data]) chownSync(path, as.uid, as.gid);

    await run(program("initdb"), ["-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8"], {
        ...as,
        cwd: folder,
    });
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = await Child.start(program("postgres"), ["-D", data, "-k", folder, ...settings], {
        ...as,
        cwd: folder,
        ready: /database system is ready to accept connections/,
        signal: "SIGINT", // "fast": it ends its sessions
    });
    await run(program("createdb"), ["-h", folder, "-U", "bench", "bench"], { ...as, cwd: folder });
    const ask = (sql) =>
        run(program("psql"), ["-h", folder, "-U", "bench", "-At", "-c", sql, "bench"], {
            ...as,
            cwd: folder,
        });
    for (const name of ["fsync", "synchronous_commit"])
        if ((await ask(`SHOW ${name}`)).trim() !== "on") throw new Error(`PostgreSQL runs without ${name}`);
    return Object.assign(child, { sockets: folder });
}
