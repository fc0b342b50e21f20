// SPDX-License-Identifier: Apache-2.0
/** HTTP/1.1 by hand on one socket, for what a proper client library would never send. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { checkAnswer } from "./contract.mjs";

/** One request with exactly these headers, on a socket of its own. The answer is checked. */
export async function exchange(url, method, target, headers, body) {
    const wire = await Wire.open(url);
    try {
        return await wire.send(Wire.request(method, target, headers, body)).answer({ method, target });
    } finally {
        wire.close();
    }
}

/** Nothing that these suites ask takes longer to answer. */
const PATIENCE_MS = 60_000;

export class Wire {
    #socket;
    #received = Buffer.alloc(0);
    #ended = false;
    #waiting = [];

    /** @param {string} url  origin of the server */
    static async open(url) {
        const { hostname, port } = new URL(url);
        const socket = connect(Number(port), hostname).setTimeout(PATIENCE_MS, () => socket.destroy());
        await once(socket, "connect");
        return new Wire(socket);
    }

    constructor(socket) {
        this.#socket = socket;
        socket.on("data", (chunk) => {
            this.#received = Buffer.concat([this.#received, chunk]);
            this.#wake();
        });
        const end = () => {
            this.#ended = true;
            this.#wake();
        };
        socket.on("end", end).on("close", end).on("error", end);
    }

    /** Resolves when more has come, or nothing more will. */
    #change() {
        return new Promise((resolve) => this.#waiting.push(resolve));
    }

    #wake() {
        for (const resolve of this.#waiting.splice(0)) resolve();
    }

    /** Writes bytes as they are. A peer that has hung up is no error here: the answer tells. */
    send(bytes) {
        if (!this.#ended) this.#socket.write(bytes);
        return this;
    }

    /** A request with its length, ready for `send`. */
    static request(method, target, headers = {}, body = "") {
        const bytes = Buffer.from(body);
        const head = { host: "127.0.0.1", "content-length": bytes.length, ...headers };
        const lines = Object.entries(head).filter(([, value]) => value !== undefined);
        return Buffer.concat([
            Buffer.from(
                `${method} ${target} HTTP/1.1\r\n${lines.map(([k, v]) => `${k}: ${v}\r\n`).join("")}\r\n`,
            ),
            bytes,
        ]);
    }

    /**
     * The next answer on the socket, interim ones included. `check` names the request it belongs to,
     * and has the answer checked against the contract.
     */
    async answer(check) {
        const head = await this.#until((bytes) => {
            const end = bytes.indexOf("\r\n\r\n");
            return end < 0 ? 0 : end + 4;
        });
        const [first, ...lines] = head.toString("latin1").trimEnd().split("\r\n");
        const headers = new Map(
            lines.map((line) => [
                line.slice(0, line.indexOf(":")).toLowerCase(),
                line.slice(line.indexOf(":") + 1).trim(),
            ]),
        );
        const status = Number(first.split(" ")[1]);
        const answer = { status, headers, text: "", body: undefined };
        if (status < 200 || status === 204) return answer;

        answer.text = (await this.#body(headers)).toString("utf8");
        if (check) {
            answer.body = checkAnswer({
                ...check,
                status,
                contentType: headers.get("content-type") ?? null,
                text: answer.text,
            });
        }
        return answer;
    }

    async #body(headers) {
        if (headers.get("transfer-encoding") !== "chunked") {
            const length = Number(headers.get("content-length"));
            return length === 0
                ? Buffer.alloc(0)
                : this.#until((bytes) => (bytes.length >= length ? length : 0));
        }
        const parts = [];
        for (;;) {
            const line = await this.#until(
                (bytes) => bytes.indexOf("\r\n") + 2 - (bytes.indexOf("\r\n") < 0 ? 1 : 0),
            );
            const size = parseInt(line.toString(), 16);
            const chunk = await this.#until((bytes) => (bytes.length >= size + 2 ? size + 2 : 0));
            if (size === 0) return Buffer.concat(parts);
            parts.push(chunk.subarray(0, size));
        }
    }

    /** Takes from the front as many bytes as `measure` says; 0 means not yet. */
    async #until(measure) {
        for (;;) {
            const n = measure(this.#received);
            if (n > 0) {
                const taken = this.#received.subarray(0, n);
                this.#received = this.#received.subarray(n);
                return taken;
            }
            assert.ok(
                !this.#ended,
                `the server hung up after ${this.#received.length} bytes: ${this.#received}`,
            );
            await this.#change();
        }
    }

    /** Resolves when the server has closed its side. */
    async closed() {
        while (!this.#ended) await this.#change();
    }

    close() {
        this.#socket.destroy();
    }
}
