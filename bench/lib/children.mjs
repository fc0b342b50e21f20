// SPDX-License-Identifier: Apache-2.0
/** Processes that the bench starts. Each is ended by its id, also when the bench itself is interrupted. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const START_MS = 60_000;
const STOP_MS = 30_000;
const running = new Set();

process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** Changes how a program works, or what it is told: not handed down, but for the registry that installs use. */
const NOT_OURS = /^(LD_|GLIBC_|MALLOC_|NODE_OPTIONS|NODE_ENV|UV_|BUN_|PG|IMPRESARIO_(?!REGISTRY$))/;

function environment(more) {
    const kept = Object.entries(process.env).filter(([name]) => !NOT_OURS.test(name));
    return { ...Object.fromEntries(kept), ...more };
}

function launch(command, args, { env = {}, stdio, ...rest }) {
    const child = spawn(command, args, { env: environment(env), stdio, ...rest });
    running.add(child);
    child.once("exit", () => running.delete(child));
    child.once("error", () => running.delete(child));
    return child;
}

/** A process that stays, from the line that says it is ready to end(). */
export class Child {
    #child;
    #words = [];
    #listeners = [];
    #signal;

    /**
     * @param {string} command
     * @param {string[]} args
     * @param {{ready: RegExp, env?: object, cwd?: string, uid?: number, gid?: number, signal?: string}} options
     *   `ready`: the line on stdout or stderr that tells it accepts work; `signal` ends it
     */
    static async start(command, args, { ready, signal = "SIGTERM", ...options }) {
        const child = new Child();
        child.#signal = signal;
        child.started = performance.now();
        child.#child = launch(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
        child.said = await child.#becomes(ready, command);
        return child;
    }

    #becomes(ready, command) {
        return new Promise((resolve, reject) => {
            const fail = (why) => reject(new Error(`${command}: ${why}\n${this.#words.join("\n")}`));
            const timer = setTimeout(() => fail("did not start in time"), START_MS);
            for (const stream of [this.#child.stdout, this.#child.stderr])
                createInterface({ input: stream }).on("line", (line) => {
                    if (this.#words.push(line) > 100) this.#words.shift();
                    this.#listeners = this.#listeners.filter((heard) => !heard(line));
                    const match = ready.exec(line);
                    if (!match) return;
                    clearTimeout(timer);
                    resolve(match);
                });
            this.#child.once("error", (error) => fail(error.message));
            this.#child.once("exit", (code, signal) => {
                clearTimeout(timer);
                fail(`ended before it was ready (${signal ?? code})`);
            });
        });
    }

    /** Resolves with the first line that it has written, or will write, that matches. */
    says(pattern) {
        const said = this.#words.find((line) => pattern.test(line));
        if (said) return Promise.resolve(said);
        return new Promise((resolve) =>
            this.#listeners.push((line) => pattern.test(line) && (resolve(line), true)),
        );
    }

    get pid() {
        return this.#child.pid;
    }

    get lastWords() {
        return this.#words.join("\n");
    }

    async end() {
        if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
        const closed = once(this.#child, "close"); // whoever watches it has ended then, too
        const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
        this.#child.kill(this.#signal);
        await closed;
        clearTimeout(timer);
    }
}

/** Runs a command to its end and gives its stdout; one that fails, or takes too long, throws with its output. */
export async function run(command, args, { input, timeout = 600_000, ...options } = {}) {
    const child = launch(command, args, { ...options, stdio: [input ?? "ignore", "pipe", "pipe"], timeout });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
    const [code, signal] = await once(child, "close");
    if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${signal ?? code}\n${err}${out}`);
    return out;
}
