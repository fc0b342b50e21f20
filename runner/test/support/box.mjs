// SPDX-License-Identifier: Apache-2.0
//
// A box without walls: the folders that a real one has, in a temporary folder, and the runner's
// programs started in it with the descriptors that the server would give them.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text as textOf, buffer as bufferOf } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const runner = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tool = join(runner, "test", "support", "tool.sh");

/** @param {{ [path: string]: string | Buffer }} files what lies in app/ */
export function makeBox(files = {}) {
    const root = mkdtempSync(join(tmpdir(), "impresario-box-"));
    const work = join(root, "work");
    const out = join(root, "out");

    for (const folder of ["app", "tmp", "home", "node_modules"])
        mkdirSync(join(work, folder), { recursive: true });
    mkdirSync(out);
    for (const name of ["playwright", "playwright-core"]) {
        symlinkSync(join(runner, "node_modules", name), join(work, "node_modules", name));
    }

    const box = {
        root,
        work,
        out,
        app: join(work, "app"),
        write(more, under = join(work, "app")) {
            for (const [path, content] of Object.entries(more)) {
                mkdirSync(dirname(join(under, path)), { recursive: true });
                writeFileSync(join(under, path), content);
            }
        },
        /** Takes a finished layer in place of the empty one. */
        useLayer(layer) {
            rmSync(join(work, "node_modules"), { recursive: true });
            symlinkSync(layer, join(work, "node_modules"));
        },
        remove: () => rmSync(root, { recursive: true, force: true }),
    };
    box.write(files);
    return box;
}

function environment(box, more) {
    return {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
        HOME: join(box.work, "home"),
        TMPDIR: join(box.work, "tmp"),
        LANG: "C.UTF-8",
        TZ: "UTC",
        NODE_ENV: "production",
        LIBRETTO_HOSTED_RUNTIME: "true",
        LIBRETTO_REPO_ROOT: box.work,
        IMPRESARIO_WORK: box.work,
        IMPRESARIO_OUT: box.out,
        IMPRESARIO_TOOL: tool,
        ...more,
    };
}

/**
 * Runs one build program to its end.
 * @returns {Promise<{ frames: object[], last: object, log: string, output: string, status: number, bundle: Buffer }>}
 */
export async function run(box, program, { stdin = "", prepared = null, env = {} } = {}) {
    const child = spawn(process.execPath, [join(runner, program)], {
        cwd: box.app,
        env: environment(box, env),
        stdio: ["pipe", "pipe", "pipe", "pipe", "pipe", "pipe"],
    });

    child.stdin.on("error", () => {}).end(stdin);
    child.stdio[5].on("error", () => {}).end(prepared === null ? "" : JSON.stringify(prepared));
    const exited = new Promise((resolve) => child.on("close", resolve));
    const [frameText, bundle, stdout, stderr] = await Promise.all([
        textOf(child.stdio[3]),
        bufferOf(child.stdio[4]),
        textOf(child.stdout),
        textOf(child.stderr),
    ]);

    const frames = frameText
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    return {
        frames,
        last: frames.at(-1),
        log: frames
            .filter((frame) => frame.t === "log")
            .map((frame) => frame.message)
            .join("\n"),
        output: stdout + stderr,
        status: await exited,
        bundle,
    };
}

/** prepare, then discover on what it left in the same folder. */
export async function build(box, { entry = "index.ts" } = {}) {
    const prepared = await run(box, "prepare.mjs", { env: { IMPRESARIO_ENTRY: entry } });
    if (prepared.last.t !== "prepared") return { prepared, discovered: null };
    return { prepared, discovered: await run(box, "discover.mjs", { prepared: prepared.last }) };
}

/**
 * Starts a slot, in a user namespace of its own: Chromium refuses its sandbox to root.
 * @returns {Promise<{ ready: object, give: (assignment: object, bundle: Buffer) => Promise<object>, kill: () => void }>}
 */
export async function openSlot(box, { env = {} } = {}) {
    const walls = [
        "--unshare-user",
        "--unshare-pid",
        "--uid",
        "1000",
        "--gid",
        "1000",
        "--die-with-parent",
        "--dev-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--",
    ];
    const child = spawn("bwrap", [...walls, process.execPath, join(runner, "slot.mjs")], {
        cwd: box.app,
        env: environment(box, env),
        stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
    });

    const frames = [];
    const arrivals = [];
    const lines = createInterface(child.stdio[3]);
    const closed = new Promise((resolve) => lines.on("close", resolve));
    lines.on("line", (line) => {
        const frame = JSON.parse(line);
        frames.push(frame);
        for (const arrival of arrivals) arrival(frame);
    });
    child.stdio[3].on("error", () => {});
    child.stdio[4].on("error", () => {});
    const output = Promise.all([textOf(child.stdout), textOf(child.stderr)]);

    const first = await new Promise((resolve, reject) => {
        arrivals.push(resolve);
        closed.then(async () => reject(new Error(`the slot ended: ${(await output).join("")}`)));
    });
    if (first.t !== "ready") throw new Error(JSON.stringify(first));

    return {
        ready: first,
        kill: () => child.kill("SIGKILL"),
        /** What the slot says last when nobody gives it a job. */
        async lastWords() {
            await closed;
            return frames.at(-1);
        },
        pid: child.pid,
        /** Goes away without giving it a job; settles when the slot has ended. */
        leave() {
            child.stdio[4].destroy();
            child.stdio[3].end();
            return new Promise((resolve) => child.on("close", resolve));
        },
        async give(assignment, bundle) {
            const started = performance.now();
            child.stdio[4].end(bundle);
            child.stdio[3].write(JSON.stringify(assignment) + "\n");
            await closed;
            const ms = performance.now() - started;
            const [stdout, stderr] = await output;
            return {
                frames: frames.slice(1),
                last: frames.at(-1),
                logs: frames.filter((frame) => frame.t === "log"),
                phases: frames.filter((frame) => frame.t === "phase").map((frame) => frame.name),
                stdout,
                stderr,
                ms,
            };
        },
    };
}

/** Builds app/, then runs one of its workflows in a fresh slot. */
export async function runWorkflow(
    box,
    workflow,
    { entry = "index.ts", env = {}, ...assignment } = {},
) {
    const { prepared, discovered } = await build(box, { entry });
    if (discovered?.last.t !== "discovered")
        throw new Error(JSON.stringify(discovered?.last ?? prepared.last));
    const found = discovered.last.workflows.find((one) => one.name === workflow);

    /* The code travels as a tar; what the build left behind is not there in a slot. */
    rmSync(box.app, { recursive: true });
    mkdirSync(box.app);
    const slot = await openSlot(box, { env });
    try {
        const ran = await slot.give(
            {
                t: "run",
                job_id: "job-1",
                workflow,
                entry: prepared.last.entry,
                kind: prepared.last.kind,
                params: {},
                credentials: {},
                declared_missing: [],
                job_auth: null,
                start_url: found?.start_url ?? null,
                viewport: found?.viewport ?? null,
                headless: true,
                timeout_ms: 30_000,
                source_files: found?.source_files ?? [],
                ...assignment,
            },
            prepared.bundle,
        );
        return { ...ran, ready: slot.ready };
    } finally {
        slot.kill();
    }
}
