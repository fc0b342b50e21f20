// SPDX-License-Identifier: Apache-2.0
/**
 * Clients in no hurry, as a program of their own: slow_clients.mjs PORT KEY COUNT. A third sends heads that do
 * not end, a third bodies that do not, and a third asks and does not read. Who is cut comes back, until a line
 * comes on stdin. Tells on stdout, in JSON, when all are there, and then after how long each kind was cut, but
 * of readers: they do not read that either. Ends with stdin.
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";

const [port, key, count] = process.argv.slice(2);
/** A byte from each so often. */
const TRICKLE_MS = 10_000;
const AT_ONCE = 200;
const head = (line, more = "") => `${line} HTTP/1.1\r\nhost: slow\r\nx-api-key: ${key}\r\n${more}`;
const KINDS = {
    heads: { first: head("POST /v1/jobs/list", "x-slow: "), then: "z" },
    bodies: {
        first: `${head("POST /v1/jobs/list", "content-type: application/json\r\ncontent-length: 100000\r\n\r\n")}{"json":{"`,
        then: "z",
    },
    readers: { first: `${head("GET /openapi.json")}\r\n`.repeat(3), then: "" },
};

let last = false; // who is cut now does not come back
let toldEnd = false;
let open = 0;
let told = false;
const there = { heads: 0, bodies: 0, readers: 0 };
const cut = { heads: [], bodies: [] };

function client(name) {
    const { first, then } = KINDS[name];
    const socket = connect({ port: Number(port), host: "127.0.0.1" });
    let began;
    let trickle;
    if (name === "readers") socket.pause();
    else socket.on("data", () => {});
    socket.once("connect", () => {
        open++;
        there[name]++;
        began = performance.now();
        socket.write(first);
        if (then) trickle = setInterval(() => socket.write(then), TRICKLE_MS);
        if (open === Number(count) && !told) {
            told = true;
            console.log(JSON.stringify({ open }));
        }
    });
    socket.on("error", () => {});
    socket.once("close", () => {
        clearInterval(trickle);
        if (began !== undefined) {
            open--;
            there[name]--;
            cut[name]?.push(performance.now() - began);
        }
        if (!last) setImmediate(client, name);
        else tell();
    });
}

function tell() {
    if (toldEnd || there.heads + there.bodies > 0) return;
    toldEnd = true;
    const of = (times) => ({
        n: times.length,
        least_ms: times.reduce((a, b) => Math.min(a, b)),
        most_ms: times.reduce((a, b) => Math.max(a, b)),
    });
    console.log(JSON.stringify({ cut: { heads: of(cut.heads), bodies: of(cut.bodies) } }));
}

createInterface({ input: process.stdin })
    .on("line", () => {
        last = true;
        tell();
    })
    .on("close", () => process.exit(0));

let made = 0;
const some = () => {
    for (let i = 0; i < AT_ONCE && made < Number(count); i++) client(Object.keys(KINDS)[made++ % 3]);
    if (made < Number(count)) setTimeout(some, 20);
};
some();
