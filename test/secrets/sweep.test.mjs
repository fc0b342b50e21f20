// SPDX-License-Identifier: Apache-2.0
/**
 * A secret of each kind goes through all that a server does with it. Afterwards, and while it happens,
 * none is found in clear: not in the store, its log or its blobs, not in a backup, not in what the server
 * wrote, not in the command line or environment of any of its processes.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { asked, byConversation, siteOf } from "../support/ai.mjs";
import { plain } from "../support/artifact.mjs";
import { MODEL_KEY, Model } from "../support/model.mjs";
import { Server, impresario } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const canary = (kind) => `canary-${kind}-${randomBytes(12).toString("hex")}`;
const scratch = mkdtempSync(join(tmpdir(), "impresario-secrets-"));
/** By what it is. `seen` is none: it is stored as it came, and shows that the sweep finds things. */
const secrets = {
    "a credential": canary("value"),
    "a credential's earlier value": canary("old-value"),
    "a callback's secret": canary("callback"),
    "a cookie of a page": canary("cookie"),
    "what a page stores": canary("storage"),
    "the model's key": MODEL_KEY,
};
const SEEN = canary("seen");
const lines = [];
const processes = new Map();
const cleanups = [];
let tenant, server;

/** A text as it may be written somewhere: as it is, and in the usual encodings. */
function forms(secret) {
    const raw = Buffer.from(secret);
    // Base64 of what stands at any place of a longer text: the characters that it alone decides.
    const inside = [0, 1, 2].map((shift) =>
        Buffer.concat([Buffer.alloc(shift), raw]).toString("base64").replace(/=+$/, "").slice(shift + 1, -2),
    );
    return [raw, Buffer.from(raw.toString("hex")), Buffer.from(secret, "utf16le"), ...inside.map((text) => Buffer.from(text))];
}

/** What of `secrets` is in `bytes`, by name. */
const found = (bytes) =>
    Object.entries({ ...secrets, SEEN })
        .filter(([, secret]) => forms(secret).some((form) => bytes.includes(form)))
        .map(([name]) => name);

function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((each) => each.isFile())
        .map((each) => join(each.parentPath ?? each.path, each.name));
}

const read = (path) => {
    try {
        return readFileSync(path);
    } catch {
        return Buffer.alloc(0); // it has just gone
    }
};

/** The server's own processes and all of its boxes, as they are now. */
function sweepProcesses() {
    const parents = new Map();
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        const status = read(`/proc/${pid}/status`).toString();
        parents.set(pid, /^PPid:\s*(\d+)/m.exec(status)?.[1]);
    }
    const ours = (pid) => pid !== undefined && (Number(pid) === server.pid || ours(parents.get(pid)));
    for (const pid of [...parents.keys()].filter(ours)) {
        for (const file of ["cmdline", "environ"]) {
            const bytes = read(`/proc/${pid}/${file}`);
            processes.set(`${pid}/${file}`, { bytes: bytes.length, found: found(bytes) });
        }
    }
}

/** Says what it must not, every way it can, and fails on a page that shows it. */
const TALKATIVE = (site) => `import { workflow } from "impresario";
export default workflow("talkative", { credentials: ["shop"], handler: async ({ page }: any, input: any) => {
    const value = input.credentials.shop;
    console.log("it is", value, JSON.stringify({ value }), encodeURIComponent(value), Buffer.from(value).toString("base64"));
    await page.goto("${site}/start");
    await page.evaluate(([cookie, stored]: string[]) => {
        document.cookie = "left=" + cookie;
        localStorage.setItem("left", stored);
    }, ${JSON.stringify([secrets["a cookie of a page"], secrets["what a page stores"]])}.map((text: string) => text.split("").reverse().join("")));
    await page.evaluate((text: string) => document.body.append(text), value);
    await (await fetch("${site}/hold/talkative")).text();
    throw new Error("with " + value);
} });
`;

before(async () => {
    const site = await Site.open();
    const model = await Model.open();
    cleanups.push(() => site.close(), () => model.close());
    const keyFile = join(scratch, "model.key");
    writeFileSync(keyFile, `${MODEL_KEY}\n`, { mode: 0o600 });
    const { IMPRESARIO_MODEL_API_KEY: _, ...settings } = model.settings("anthropic");
    server = await Server.start({ env: { ...settings, IMPRESARIO_MODEL_API_KEY_FILE: keyFile, IMPRESARIO_LOG_LEVEL: "debug" } });
    cleanups.push(() => server.stop());
    void server.says({ test: (line) => (lines.push(line), false) });

    tenant = await Tenant.make("secrets", server);
    secrets["an API key"] = tenant.key;
    secrets["a revoked API key"] = await server.revokedKey(tenant.name);
    secrets["the master key"] = readFileSync(join(server.data, "master.key"), "utf8").trim();
    await tenant.ok("credentials/create", { name: "shop", value: secrets["a credential's earlier value"] });
    await tenant.ok("credentials/upsert", { name: "shop", value: secrets["a credential"] });
    await tenant.ok("credentials/get", { name: "shop" });
    await tenant.ok("browserProfiles/ensure", { name: "signed-in" });
    // Reversed in the code, so that the code, which is kept, does not have them.
    const code = TALKATIVE(site.url).replaceAll(/canary-(cookie|storage)-[0-9a-f]+/g, (text) => [...text].reverse().join(""));
    await tenant.deploy(plain({ "index.ts": code }));
    const id = await tenant.start("talkative", { seen: SEEN }, {
        callback_url: "https://example.com/hook",
        callback_secret: secrets["a callback's secret"],
    });
    await Promise.race([site.visit("/hold/talkative"), tenant.finished(id)]);
    sweepProcesses();
    site.release();
    const job = await tenant.finished(id);
    assert.match(job.error, /with \[redacted\]/);
    assert.match((await tenant.ok("jobs/artifacts", { id })).html, /\[redacted\]/);

    const it = await siteOf({ after: (cleanup) => cleanups.push(cleanup) }, "search");
    model.play(byConversation(it.turns));
    const { build_id: build } = await tenant.ok("workflows/build", asked(it));
    await model.asked(1);
    sweepProcesses();
    for (;;) {
        const { status, error } = await tenant.ok("workflows/buildStatus", { build_id: build, wait_seconds: 30 });
        if (status === "ready") break;
        assert.notEqual(status, "failed", error);
    }
    assert.deepEqual(model.faults, [], "nor did the model see its own key in a body");
    const wrong = `${tenant.key.slice(0, -1)}?`;
    await fetch(`${server.url}/v1/jobs/list`, { method: "POST", headers: { "x-api-key": wrong } });
    await impresario(["backup", join(scratch, "backup.tar"), "--data", server.data]);
});
after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    rmSync(scratch, { recursive: true });
});

test("the sweep finds what is there, in each form", () => {
    for (const text of [SEEN, Buffer.from(`x${SEEN}`).toString("base64"), Buffer.from(SEEN).toString("hex"), encodeURIComponent(`{"a":"${SEEN}"}`)]) {
        assert.deepEqual(found(Buffer.from(text)), ["SEEN"], text);
    }
    assert.deepEqual(found(Buffer.from("canary")), []);
});

test("no file of the data directory has one, but the master key's own", () => {
    const holding = filesBelow(server.data).map((path) => [path.slice(server.data.length), found(read(path))]);
    const seen = holding.filter(([, names]) => names.includes("SEEN"));
    assert.ok(seen.some(([path]) => path.startsWith("/impresario.db")), "the store was looked at");
    assert.ok(holding.some(([path]) => path.startsWith("/blobs/")), "blobs were looked at");
    assert.deepEqual(
        holding.map(([path, names]) => [path, names.filter((name) => name !== "SEEN")]).filter(([, names]) => names.length > 0),
        [["/master.key", ["the master key"]]],
    );
});

test("a backup has none", () => {
    assert.deepEqual(found(read(join(scratch, "backup.tar"))), ["SEEN"]);
});

test("the server has written none, at its most talkative", () => {
    assert.ok(lines.some((line) => line.includes("job.ended")) && lines.some((line) => line.includes('"level":"debug"')), lines.length);
    assert.deepEqual(found(Buffer.from(lines.join("\n"))), []);
});

test("no command line and no environment of any of its processes has one", () => {
    const read = [...processes].filter(([, { bytes }]) => bytes > 0);
    assert.ok(read.length > 10, `only ${read.length} were read`);
    assert.deepEqual(read.filter(([, { found: names }]) => names.length > 0), []);
});
