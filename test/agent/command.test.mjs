// SPDX-License-Identifier: Apache-2.0
/** `impresario build`: a sentence on the command line, the steps as they happen, a workflow at the end. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { actionLogOf, byConversation, siteOf, stage } from "../support/ai.mjs";
import { BINARY, impresario, Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const view = (tenant) => ({ env: { PATH: process.env.PATH, IMPRESARIO_URL: tenant.url, IMPRESARIO_API_KEY: tenant.key } });

test("each step is shown while it happens, and the workflow's name at the end", async (t) => {
    const s = await stage(t, "openai");
    const it = await siteOf(t, "late");
    let open;
    const gate = new Promise((resolve) => (open = resolve));
    const [first, second, ...rest] = it.turns;
    s.model.play(byConversation([first, { fail: "slow", gate, turn: second }, ...rest]));

    const args = ["build", it.site.description, "--url", it.running.url, "--params", JSON.stringify(it.site.params), "--wait"];
    const child = spawn(BINARY, args, { ...view(s.tenant), stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    const ended = once(child, "close");

    // The model has not answered yet, so that this is not told afterwards.
    while (!/1 {2}I look at the page first\.[^]*2 {2}Looked at the page/.test(stderr)) await once(child.stderr, "data");
    open();
    const [code] = await ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Ran the finished workflow in a new browser \(2 of 2, with other params\)/);
    assert.match(stdout, /^Workflow share-price\n[^]*impresario jobs run share-price/);
    assert.deepEqual(s.model.faults, []);
});

test("a build that fails ends with status 1 and the reason, also as JSON", async (t) => {
    const s = await stage(t, "anthropic");
    const it = await siteOf(t, "late");
    s.model.play(() => ({ calls: { tool: "give_up", input: { reason: "The page asks for a captcha." } } }));
    const args = ["build", "Read the price", "--url", it.running.url, "--wait"];

    await assert.rejects(impresario(args, view(s.tenant)), ({ code, stderr }) => code === 1 && /captcha/.test(stderr));
    await assert.rejects(impresario([...args, "-o", "json"], view(s.tenant)), ({ code, stdout }) => {
        const { status, error } = JSON.parse(stdout);
        return code === 1 && status === "failed" && /captcha/.test(error);
    });
});

test("a recording in a file is enough where there is no model", async (t) => {
    const server = await Server.start({ env: { IMPRESARIO_MODEL_PROVIDER: "none" } });
    t.after(() => server.stop());
    const folder = mkdtempSync(join(tmpdir(), "impresario-log-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const tenant = await Tenant.make("recorded", server);
    const it = await siteOf(t, "search");
    const file = join(folder, "actions.jsonl");
    writeFileSync(file, (await actionLogOf(it)).map((each) => JSON.stringify(each)).join("\n"));
    const args = ["build", it.site.description, "--url", it.running.url, "--params", JSON.stringify(it.site.params)];

    const { stdout } = await impresario([...args, "--action-log", file, "--wait", "-o", "json"], view(tenant));
    assert.equal(JSON.parse(stdout).status, "ready");
    await assert.rejects(impresario(args, view(tenant)), ({ stderr }) => /IMPRESARIO_MODEL_PROVIDER/.test(stderr));
    await assert.rejects(impresario([...args, "--action-log", join(folder, "none")], view(tenant)), ({ code, stderr }) => code === 2 && /none: No such file/.test(stderr));
});

test("help has one --url, which is the page's", async () => {
    const { stdout } = await impresario(["build", "--help"]);
    const [flag, ...more] = stdout.match(/^ +--url .*$/gm);
    assert.match(flag, /first page/);
    assert.deepEqual(more, []);
});
