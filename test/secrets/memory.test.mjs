// SPDX-License-Identifier: Apache-2.0
/** The memory of the server and of its helpers, where the keys are, is closed to other programs of the same user. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BINARY, Server } from "../support/server.mjs";

/** Nobody. Root may read everything, so the server gives its rights up before it starts. */
const USER = 65534;
const AS_USER = process.getuid() === 0 ? ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"] : [];
const ATTACH = `import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
failed = libc.ptrace(16, int(sys.argv[1]), None, None) < 0
print(errno.errorcode[ctypes.get_errno()] if failed else "attached")`;
const scratch = mkdtempSync(join(tmpdir(), "impresario-memory-"));
let server, plain;

/** Runs a command as the user of the server. */
const run = (...command) => {
    const [program, ...args] = [...AS_USER, ...command];
    return spawnSync(program, args, { encoding: "utf8", timeout: 20_000 });
};

before(async () => {
    const binary = join(scratch, "serve");
    const data = join(scratch, "data");
    writeFileSync(binary, `#!/bin/sh\nexec ${AS_USER.join(" ")} '${BINARY}' "$@"\n`);
    chmodSync(binary, 0o755);
    if (AS_USER.length > 0) chownSync(scratch, USER, USER);
    server = await Server.start({ binary, data });
    const [program, ...args] = [...AS_USER, "sleep", "600"];
    plain = spawn(program, args, { stdio: "ignore" });
});
after(async () => {
    plain?.kill();
    await server?.end();
    rmSync(scratch, { recursive: true });
});

/** The server, and the processes that it started itself and that have its name. */
function ours() {
    const helpers = readdirSync("/proc").filter((pid) => {
        if (!/^\d+$/.test(pid)) return false;
        try {
            const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
            return Number(parent) === server.pid && /^impresario/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
        } catch {
            return false; // it has just ended
        }
    });
    return [server.pid, ...helpers];
}

test("environment, map and memory of the server and its helpers cannot be read", async () => {
    // What can be read of any other process of the user, or this test would see nothing.
    for (const file of ["environ", "maps"]) {
        let open;
        do open = run("cat", `/proc/${plain.pid}/${file}`);
        while (open.status !== 0 && plain.exitCode === null);
        assert.equal(open.status, 0, open.stderr);
    }
    const pids = ours();
    assert.ok(pids.length >= 3, `only ${pids.length} processes`);
    for (const pid of pids) {
        for (const file of ["environ", "maps", "mem"]) {
            const { status, stderr } = run("head", "-c", "1", `/proc/${pid}/${file}`);
            assert.notEqual(status, 0, `/proc/${pid}/${file} can be read`);
            assert.match(stderr, /Permission denied/);
        }
    }
});

test("no debugger of the user gets hold of them, and they leave no core", () => {
    for (const pid of ours()) {
        const { status, stdout, stderr } = run("/usr/bin/python3", "-c", ATTACH, String(pid));
        assert.equal(status, 0, stderr);
        assert.equal(stdout, "EPERM\n", `ptrace of ${pid}`);
        const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
        assert.match(limits, /^Max core file size\s+0\s+0\s/m, `of ${pid}`);
    }
});
