// SPDX-License-Identifier: Apache-2.0
/**
 * Real servers for the suites. `run.mjs` starts one for all of them and names it in the
 * environment; a suite that is run by itself, or needs a server of its own, starts one here.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const BINARY =
    process.env.IMPRESARIO_BINARY ?? fileURLToPath(new URL("../../build/impresario", import.meta.url));
/** Shorter than the server's own default, so that imports which never end do not hold up the suites. */
export const DISCOVER_SECONDS = 10;
const START_MS = 60_000;
const STOP_MS = 60_000;
/** What a binary built with a sanitizer writes when it finds something. */
const SANITIZER = /(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: /;
/** Whether the tested binary is built with a sanitizer: it keeps what was freed for a while, and has shadows of all else. */
export const isSanitized = () => /__[at]san_init/.test(readFileSync(BINARY, "latin1"));

/** A run that is interrupted runs its exit handlers too, so that no server outlives it. */
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

const execFileAsync = promisify(execFile);

/** Runs a subcommand to its end. A failure throws, with its output. */
export function impresario(args, options = {}) {
    return execFileAsync(BINARY, args, { encoding: "utf8", maxBuffer: 16 << 20, ...options });
}

export class Server {
    #child;
    #lastWords = [];
    #reports = [];
    #listeners = [];

    constructor(url, data) {
        this.url = url;
        this.data = data;
    }

    /**
     * Starts a server on a port of the kernel's choice.
     *
     * @param {{data?: string, env?: Record<string, string>, args?: string[], binary?: string, early?: boolean, under?: string[]}} [options]
     *   `data`: a folder that an earlier server left; else a new one. `binary`: another one than the tested.
     *   `early`: as soon as it listens, while it still tries its walls and nothing is built and run.
     *   `under`: a program that runs it, with its arguments
     */
    static async start({ data, env = {}, args = [], binary = BINARY, early = false, under = [] } = {}) {
        const server = new Server("", data ?? mkdtempSync(join(tmpdir(), "impresario-test-")));
        const [program, ...before] = [...under, binary];
        const child = spawn(program, [...before, "serve", "--data", server.data, "--listen", "127.0.0.1:0", ...args], {
            env: {
                ...process.env,
                IMPRESARIO_EGRESS_ALLOW: "127.0.0.1",
                IMPRESARIO_DISCOVER_SECONDS: String(DISCOVER_SECONDS),
                ...env,
            },
            stdio: ["ignore", "pipe", "pipe"],
        });
        server.#child = child;
        const kill = () => child.kill("SIGKILL");
        process.once("exit", kill);
        child.once("exit", () => process.off("exit", kill));
        for (const stream of [child.stdout, child.stderr]) {
            createInterface({ input: stream }).on("line", (line) => {
                server.#lastWords.push(line);
                if (server.#lastWords.length > 400) server.#lastWords.shift();
                if (SANITIZER.test(line)) server.#reports.push(line);
                server.#listeners = server.#listeners.filter((heard) => !heard(line));
                if (process.env.IMPRESARIO_TEST_VERBOSE) process.stderr.write(`[server] ${line}\n`);
            });
        }
        server.url = await server.#listening();
        if (!early) await server.opens();
        return server;
    }

    /** Resolves with the address that the server prints once it accepts requests. */
    #listening() {
        return new Promise((resolve, reject) => {
            const fail = (why) => reject(new Error(`${why}\n${this.#lastWords.join("\n")}`));
            const timer = setTimeout(() => fail("the server did not start in time"), START_MS);
            createInterface({ input: this.#child.stdout }).on("line", (line) => {
                const url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
                if (!url) return;
                clearTimeout(timer);
                resolve(url);
            });
            this.#child.once("error", (error) => fail(error.message));
            this.#child.once("exit", (code, signal) => {
                clearTimeout(timer);
                fail(`the server ended before it listened (${signal ?? code})`);
            });
        });
    }

    /** Resolves when the server knows its walls: from then on it builds and runs, or refuses to. */
    opens() {
        return this.says(/"event":"sandbox\.(level|refused)"/);
    }

    /** What the server wrote last, on stdout and stderr. */
    get lastWords() {
        return this.#lastWords.join("\n");
    }

    /** Resolves with the first line that the server has written, or will write, that matches. */
    says(pattern) {
        const said = this.#lastWords.find((line) => pattern.test(line));
        if (said) return Promise.resolve(said);
        return new Promise((resolve) =>
            this.#listeners.push((line) => pattern.test(line) && (resolve(line), true)),
        );
    }

    get pid() {
        return this.#child.pid;
    }

    get ended() {
        return this.#child.exitCode !== null || this.#child.signalCode !== null;
    }

    /** A new key; the tenant is made when it is new. */
    async key(tenant, label = "test") {
        const { stdout } = await impresario([
            "key",
            "create",
            "--data",
            this.data,
            "--tenant",
            tenant,
            "--label",
            label,
        ]);
        const key = stdout.trim();
        assert.match(key, /^\S+$/, "key create prints the key alone");
        return key;
    }

    /** A key of the tenant that opens nothing any more. */
    async revokedKey(tenant) {
        const label = unique("revoked");
        const key = await this.key(tenant, label);
        const { stdout } = await impresario(["key", "list", "--data", this.data]);
        assert.ok(!stdout.includes(key), "a list never shows a key");
        const [id] = stdout
            .split("\n")
            .find((line) => line.endsWith(label))
            .split(/\s+/);
        await impresario(["key", "revoke", "--data", this.data, id]);
        return key;
    }

    /** Ends the server and tells how it went. What a sanitizer reported is a failure of whoever ends it. */
    async end(signal = "SIGTERM") {
        const how = await this.#ended(signal);
        assert.deepEqual(this.#reports, [], this.lastWords);
        return how;
    }

    async #ended(signal) {
        if (this.ended) {
            return { code: this.#child.exitCode, signal: this.#child.signalCode };
        }
        const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
        this.#child.kill(signal);
        const [code, killedBy] = await once(this.#child, "exit");
        clearTimeout(timer);
        return { code, signal: killedBy };
    }

    /** Ends the server and removes its folder. */
    async stop() {
        const how = await this.end();
        rmSync(this.data, { recursive: true, force: true });
        return how;
    }
}

let shared;

/** The server that all suites of this run share. A suite run by itself has its own, which ends with it. */
export async function sharedServer() {
    if (shared) return shared;
    const given = process.env.IMPRESARIO_TEST_SERVER;
    if (given) {
        const { url, data } = JSON.parse(given);
        return (shared = new Server(url, data));
    }
    const { after } = await import("node:test");
    shared = await Server.start();
    after(() => shared.stop());
    return shared;
}

/** A name that no other test of this run uses. */
export function unique(stem) {
    return `${stem}-${randomBytes(4).toString("hex")}`;
}
