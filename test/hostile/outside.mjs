// SPDX-License-Identifier: Apache-2.0
/**
 * The rest of the world, for one program: `node outside.mjs PROGRAM` as root runs `PROGRAM` (a module whose default
 * export is given the world) on a host of its own, and prints what that returned as JSON on its last line.
 *
 * The host is a network namespace with the address OWN. Its only cable leads to a second namespace, which plays the
 * internet, the neighbours and the provider's metadata service at once: whatever address a packet has, it answers, and
 * takes note. The host itself answers on the ports of the list too, so that nothing is "not reached" for want of
 * somebody to reach. Names are answered by the internet, as NAMES says. No packet leaves either.
 */
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { isIPv6 } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";

const SELF = fileURLToPath(import.meta.url);
const FORMS = fileURLToPath(new URL("../../src/egress/addresses.txt", import.meta.url));

export const OWN = "44.44.44.44";
export const NEXT_HOP = "44.44.44.1";
export const PUBLIC = "45.45.45.45";
const PUBLIC6 = "2a00:45::10";
/** A private address that the operator allows. */
export const ALLOWED = "10.99.0.7";

/** Ways to write an address that nothing may reach: `{host, port}`. */
export const forms = readFileSync(FORMS, "utf8")
    .split("\n")
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => {
        const at = line.lastIndexOf(" ");
        return { host: line.slice(0, at), port: Number(line.slice(at + 1)) };
    });
const PORTS = [...new Set(forms.map(({ port }) => port))].filter((port) => port > 0);

/** What a name means: a list, of which each question has the next, the last for ever. CNAME: another name. */
const NAMES = {
    "public.test": [[PUBLIC]],
    "registry.test": [[PUBLIC]],
    "model.test": [[PUBLIC]],
    "lan.test": [["10.9.0.2"]],
    "shop.test": [["10.9.0.2"]],
    "meta.test": [["169.254.169.254"]],
    "own.test": [[OWN]],
    "rebind.test": [["127.0.0.1"]],
    "rebind-local.test": [[PUBLIC], ["127.0.0.1"]],
    "rebind-meta.test": [[PUBLIC], ["169.254.169.254"]],
    "rebind-back.test": [["127.0.0.1"], [PUBLIC], ["127.0.0.1"]],
    "mixed.test": [["10.9.0.2", PUBLIC]],
    "cname-local.test": [{ cname: "localhost" }],
    "cname-meta.test": [{ cname: "meta.test" }],
    "metadata.google.internal": [["169.254.169.254"]],
    "10.9.0.2.nip.io": [["10.9.0.2"]],
    "127.0.0.1.nip.io": [["127.0.0.1"]],
    "169.254.169.254.xip.io": [["169.254.169.254"]],
};

/** Names that mean first one thing and then another, and names of names. */
export const TURNCOATS = Object.keys(NAMES).filter((name) => /^(rebind-|cname|mixed)/.test(name));

// ---- what answers ----

/** Notes every connection as "address:port", and answers like a site, a registry and a model. */
async function listen(note) {
    const servers = PORTS.map((port) => {
        const server = createServer(answer);
        server.on("connection", ({ localAddress, localPort }) => {
            const address = localAddress.replace(/^::ffff:/, "");
            note(isIPv6(address) ? `[${address}]:${localPort}` : `${address}:${localPort}`);
        });
        return server.listen({ port, host: "::" });
    });
    await Promise.all(servers.map((server) => once(server, "listening")));
}

function answer(request, response) {
    const url = new URL(request.url, "http://site");
    const to = url.searchParams.get("u");
    if (to) {
        // As it is written, in UTF-8: what a client makes of it is the point.
        response.writeHead(302, { location: Buffer.from(to.replaceAll(/[\0-\x1f]/g, "")).toString("latin1") }).end();
    } else if (url.pathname.startsWith("/registry/")) {
        const name = decodeURIComponent(url.pathname.slice("/registry/".length));
        const tarball = Buffer.from(name.slice("pkg-".length), "hex").toString();
        response.setHeader("content-type", "application/json");
        const version = { name, version: "1.0.0", dist: { tarball, integrity: `sha512-${"A".repeat(86)}==` } };
        response.end(JSON.stringify({ name, "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": version } }));
    } else if (request.method === "POST") {
        response.writeHead(307, { location: "http://169.254.169.254/v1/chat/completions" }).end();
    } else {
        response.setHeader("content-type", "text/html");
        response.setHeader("access-control-allow-origin", "*");
        response.end("<!doctype html><title>reached</title><p>reached</p>");
    }
}

const A = 1, AAAA = 28, CNAME = 5;

/** Answers a question for a name (RFC 1035, 4.1); a time to live of 0, so that everybody asks again. */
function dnsAnswer(question, asked) {
    const labels = [];
    let at = 12;
    for (; question[at] !== 0; at += question[at] + 1) labels.push(question.subarray(at + 1, at + 1 + question[at]).toString());
    const type = question.readUInt16BE(at + 1);
    const name = labels.join(".").toLowerCase();
    const turns = NAMES[name];
    const records = [];
    if (turns && (type === A || type === AAAA)) {
        const turn = turns[Math.min(asked.get(name) ?? 0, turns.length - 1)];
        if (turn.cname) records.push([CNAME, encode(turn.cname)]);
        const addresses = turn.cname ? (NAMES[turn.cname]?.[0] ?? ["127.0.0.1"]) : turn;
        if (type === A) {
            asked.set(name, (asked.get(name) ?? 0) + 1);
            for (const address of addresses) records.push([A, Buffer.from(address.split(".").map(Number)), turn.cname]);
        }
    }
    const head = Buffer.alloc(12);
    question.copy(head, 0, 0, 2);
    head.writeUInt16BE(turns ? 0x8580 : 0x8583, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    const body = records.map(([kind, data, owner]) => {
        const fixed = Buffer.alloc(10);
        fixed.writeUInt16BE(kind, 0);
        fixed.writeUInt16BE(1, 2);
        fixed.writeUInt16BE(data.length, 8);
        return Buffer.concat([owner ? encode(owner) : Buffer.from([0xc0, 12]), fixed, data]);
    });
    return Buffer.concat([head, question.subarray(12, at + 5), ...body]);
}

function encode(name) {
    return Buffer.concat([...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0])]);
}

async function beInternet() {
    await once(process.stdin, "data"); // the cable is there
    run("ip", "link", "set", "lo", "up");
    run("ip", "addr", "add", `${NEXT_HOP}/24`, "dev", "cable");
    run("ip", "addr", "add", "2a00:44::1/64", "dev", "cable", "nodad");
    run("ip", "link", "set", "cable", "up");
    // Everything that no better route has is here. In the main table: in that of local addresses it would come first.
    run("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "main");
    run("ip", "-6", "route", "add", "local", "::/0", "dev", "lo", "table", "main");
    const asked = new Map();
    const socket = createSocket("udp4");
    socket.on("message", (question, { port, address }) => socket.send(dnsAnswer(question, asked), port, address));
    socket.bind(53, NEXT_HOP);
    await once(socket, "listening");
    await listen((where) => console.log(where));
    console.log("ready");
    process.stdin.once("end", () => process.exit()).resume();
}

// ---- the host ----

function run(...command) {
    const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
    if (status !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}

/** What lies at `path` for this process and its children. */
function inPlaceOf(path, text, scratch) {
    const own = join(scratch, path.replaceAll("/", "_"));
    writeFileSync(own, text, { mode: 0o644 });
    run("mount", "--bind", own, path);
}

async function beHost(program) {
    const scratch = mkdtempSync(join(tmpdir(), "impresario-outside-"));
    const seen = [];
    const internet = spawn("unshare", ["--net", process.execPath, SELF, "internet"], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: internet.stdout });
    const ready = new Promise((resolve) => lines.on("line", (line) => (line === "ready" ? resolve() : seen.push(line))));
    try {
        // unshare becomes the program, so the namespace is that of its process once it has one of its own.
        await namespaceOf(internet.pid);
        run("ip", "link", "set", "lo", "up");
        run("ip", "link", "add", "host", "type", "veth", "peer", "name", "cable", "netns", String(internet.pid));
        run("ip", "addr", "add", `${OWN}/24`, "dev", "host");
        run("ip", "addr", "add", "2a00:44::44/64", "dev", "host", "nodad");
        run("ip", "link", "set", "host", "up");
        run("ip", "route", "add", "default", "via", NEXT_HOP);
        run("ip", "-6", "route", "add", "default", "via", "2a00:44::1");
        inPlaceOf("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n", scratch);
        inPlaceOf("/etc/resolv.conf", `nameserver ${NEXT_HOP}\noptions timeout:2 attempts:2\n`, scratch);
        internet.stdin.write("go\n");
        await ready;
        await listen((where) => seen.push(where));
        const { default: main } = await import(pathToFileURL(program));
        /** Everything that was reached since the last call, but for the public site. */
        const reached = () => {
            const all = seen.splice(0);
            return {
                public: all.some((where) => where.startsWith(PUBLIC) || where.startsWith(`[${PUBLIC6}`)),
                other: [...new Set(all.filter((where) => !where.startsWith(PUBLIC) && !where.startsWith(`[${PUBLIC6}`)))],
            };
        };
        console.log(JSON.stringify(await main({ reached })));
    } finally {
        internet.stdin.end();
        rmSync(scratch, { recursive: true, force: true });
    }
    process.exit();
}

async function namespaceOf(pid) {
    const of = (which) => spawnSync("readlink", [`/proc/${which}/ns/net`], { encoding: "utf8" }).stdout;
    while (of(pid) === of("self")) await new Promise((resolve) => setImmediate(resolve));
}

// Not awaited here: the program imports this module, which has to be complete by then.
if (process.argv[1] === SELF) {
    const [, , what] = process.argv;
    (what === "internet" ? beInternet() : beHost(what)).catch((error) => {
        console.error(error);
        process.exit(1);
    });
}
