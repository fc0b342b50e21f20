// SPDX-License-Identifier: Apache-2.0
/**
 * Power cuts: ext4 on a loop device is told to stop without writing its log out (EXT4_IOC_SHUTDOWN), so
 * that what no fsync asked for is gone, as with a disk whose power went.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { firstJournal, loadUntil, timedStart } from "./kill.mjs";

const run = promisify(execFile);
const DISK = fileURLToPath(new URL("disk.py", import.meta.url));
const IMAGE_BYTES = 2 * 1024 ** 3; // sparse; large enough that the reserve for creates is not met
const CYCLES_OF_TENANT = 20;
const RELEASE_MS = 10_000;

/** Set where the mounts are nobody else's: a box that another program makes would hold on to them. */
const APART = "IMPRESARIO_TORTURE_APART";

/** The part in a program of its own, with mounts of its own. */
function apart(part) {
    const args = [process.execPath, process.argv[1], "power", "--count", part.count, "--seed", part.seed];
    const { status, stdout, error } = spawnSync("unshare", ["--mount", "--propagation", "private", ...args.map(String)], {
        env: { ...process.env, [APART]: "1" },
        stdio: ["ignore", "pipe", "inherit"],
        encoding: "utf8",
    });
    const counted = /^(\d+) passed, (\d+) failed$/m.exec(stdout ?? "");
    const why = /^ *NOT RUN: (.*)$/m.exec(stdout ?? "")?.[1];
    if (!counted || why) {
        part.cannot(why ?? `needs root, to have mounts of its own (unshare: ${error?.message ?? status})`);
        return;
    }
    process.stdout.write(stdout.replaceAll(/^(==.*|.*passed, .*)?\n/gm, ""));
    part.passed += Number(counted[1]);
    part.failed += Number(counted[2]);
}

class Disk {
    constructor(folder) {
        Object.assign(this, { image: join(folder, "image"), at: join(folder, "mount") });
        mkdirSync(this.at);
        writeFileSync(this.image, "");
        truncateSync(this.image, IMAGE_BYTES);
        execFileSync("mkfs.ext4", ["-q", "-F", this.image]);
    }

    mount() {
        return run("mount", ["-o", "loop", this.image, this.at]);
    }

    /** Now, and synchronously: nothing of ours runs in between. */
    cut() {
        execFileSync("python3", [DISK, "cut", this.at]);
    }

    /**
     * The helpers and the boxes of a killed server let go of it a moment after it. Until the last has,
     * mounting again would give the stopped file system, not what is on the disk.
     */
    async unmount() {
        const began = performance.now();
        const inTime = () => assert.ok(performance.now() - began < RELEASE_MS, `${this.at} stays in use`);
        while (!(await run("umount", [this.at]).then(() => true, () => false))) inTime();
        while ((await run("losetup", ["-j", this.image])).stdout !== "") inTime();
    }
}

/** @param {import("./run.mjs").Part} part */
export async function power(part) {
    if (!process.env[APART]) return apart(part);
    const folder = mkdtempSync(join(tmpdir(), "impresario-power-"));
    let disk;
    try {
        disk = new Disk(folder);
        await disk.mount();
    } catch (error) {
        rmSync(folder, { recursive: true });
        part.cannot(`needs root, loop devices and mkfs.ext4: ${String(error.message).split("\n").at(-2) ?? error}`);
        return;
    }
    let server = await timedStart(join(disk.at, "data"), []);
    let acknowledged = 0;
    try {
        for (let done = 0; done < part.count; done += CYCLES_OF_TENANT) {
            const journal = await firstJournal(server, part.random, "torture-power");
            for (let i = done; i < Math.min(done + CYCLES_OF_TENANT, part.count); i++) {
                const after = part.random.between(1, 80);
                const thenMs = part.random.between(0, 4);
                await part.cycle(i, async () => {
                    await loadUntil(journal, after, thenMs, () => {
                        disk.cut();
                        return server.end("SIGKILL");
                    });
                    await server.end("SIGKILL");
                    await disk.unmount();
                    await disk.mount();
                    await run("python3", [DISK, "check", server.data]);
                    server = await timedStart(server.data, []);
                    journal.on(server.url, journal.api.key);
                    await journal.check();
                });
            }
            await part.check("nothing is stuck", async () => {
                await journal.settle();
                await journal.check();
            });
            acknowledged += journal.acknowledged;
        }
        await part.check("something was acknowledged", () => assert.ok(acknowledged > 0));
        part.note(`${acknowledged} answers`);
    } finally {
        await server.end("SIGKILL");
        await disk.unmount();
        rmSync(folder, { recursive: true });
    }
}
