// SPDX-License-Identifier: Apache-2.0
/** The command line as people and scripts use it: the real binary against a real server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { BINARY, Server, unique } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

const scratch = mkdtempSync(join(tmpdir(), "impresario-cli-"));
const name = unique("orders");
const tenant = await Tenant.make("cli");
const site = await Site.open();

after(async () => {
    await site.close();
    rmSync(scratch, { recursive: true });
});

/** A folder of workflows; gives its path. */
function folder(files) {
    const path = mkdtempSync(join(scratch, "app-"));
    const all = { "package.json": '{"type": "module"}', ...files };
    for (const [file, text] of Object.entries(all)) {
        mkdirSync(dirname(join(path, file)), { recursive: true });
        writeFileSync(join(path, file), text);
    }
    return path;
}

const ORDERS = {
    "index.ts": `import { workflow, z } from "impresario";
export const orders = workflow(${JSON.stringify(name)},
    { input: z.object({ n: z.number().default(1), hold: z.string().optional(), fail: z.boolean().optional() }) },
    async ({ page }, { n, hold, fail }) => {
        console.log("looking at", n);
        console.warn("\\u001b]0;taken\\u0007careful");
        if (hold) await page.goto(hold);
        if (fail) throw new Error("the shop is closed");
        return { n, twice: n * 2 };
    });
`,
};

/** Starts the binary; `env` is all that it sees besides a PATH and the server's address. */
function start(args, { env = {}, command = BINARY } = {}) {
    const child = spawn(command, args, {
        env: {
            PATH: process.env.PATH,
            IMPRESARIO_URL: tenant.url,
            IMPRESARIO_API_KEY: tenant.key,
            ...env,
        },
        stdio: "pipe",
    });
    const seen = { child, stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (seen.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (seen.stderr += text));
    seen.ended = once(child, "close").then(([code, signal]) => {
        const { stdout, stderr } = seen;
        return { code, signal, stdout, stderr };
    });
    /** Resolves once a stream has shown this. */
    seen.shows = async (stream, pattern) => {
        while (!pattern.test(seen[stream])) {
            const event = await Promise.race([once(child[stream], "data"), seen.ended]);
            assert.ok(
                Array.isArray(event) || pattern.test(seen[stream]),
                `never saw ${pattern} in\n${seen[stream]}`,
            );
        }
    };
    return seen;
}

/** Runs the binary to its end. */
function run(args, { input = "", ...options } = {}) {
    const running = start(args, options);
    running.child.stdin.on("error", () => {}).end(input); // it may have ended without reading
    return running.ended;
}

/** The same, and it must end well. Gives what it wrote to stdout. */
async function out(args, options) {
    const { code, stdout, stderr } = await run(args, options);
    assert.equal(code, 0, `${args.join(" ")} ended with ${code}\n${stdout}\n${stderr}`);
    return stdout;
}

const json = async (args, options) => JSON.parse(await out([...args, "-o", "json"], options));

/** The same at a terminal: one stream holds all. */
function terminal(args, env = {}) {
    const quoted = [BINARY, ...args].map((word) => `'${word}'`).join(" ");
    return start(["-qefc", quoted, "/dev/null"], {
        command: "script",
        env: { TERM: "xterm", LC_ALL: "C.UTF-8", SHELL: "/bin/sh", ...env },
    });
}

test("deploy packs, uploads, follows the build and prints the workflows", async () => {
    const { code, stdout, stderr } = await run(["deploy", folder(ORDERS), "--description", "first"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^entry: index\.ts \(found in the folder; --entry names another\)$/m);
    assert.match(stderr, /^pack: 2 files, /m);
    assert.match(stderr, /^upload: /m);
    assert.match(stdout, new RegExp(`^Deployment ${UUID.source} is ready, with 1 workflow:\n  ${name}\n$`));
});

test("deploy leaves node_modules and .git behind", async () => {
    const path = folder({ ...ORDERS, "node_modules/x/index.js": "!", ".git/HEAD": "!" });
    const { stderr } = await run(["deploy", path]);
    assert.match(stderr, /^pack: 2 files, /m);
});

test("deploy -o json prints the deployment as one object", async () => {
    const path = folder({ ...ORDERS, "package.json": '{"type":"module","main":"./index.ts"}' });
    const deployment = await json(["deploy", path, "-d", "second"]);
    assert.equal(deployment.status, "ready");
    assert.equal(deployment.description, "second");
    assert.deepEqual(deployment.workflows, [name]);
});

test("a build that fails ends with status 1 and says why", async () => {
    const broken = folder({ "index.ts": "export const x = ;\n" });
    const { code, stdout, stderr } = await run(["deploy", broken]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    const [, reason] = /the build failed: (.*)\n/.exec(stderr);
    assert.equal(stderr.split(reason).length, 2, `the reason is told once:\n${stderr}`);
    const id = /impresario deployments logs (\S+)/.exec(stderr)[1];

    assert.match(await out(["deployments", "logs", id]), /index\.ts/);
    assert.match(await out(["deployments", "get", id]), /^Status +failed$/m);
    const again = await run(["deploy", broken, "-o", "json"]);
    assert.equal(again.code, 1);
    assert.equal(JSON.parse(again.stdout).status, "failed");
});

test("deploy explains what it misses before it uploads anything", async () => {
    const none = await run(["deploy", folder({ "readme.md": "x" })]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /no index\.ts or index\.js .*--entry/);
    const wrong = await run(["deploy", folder(ORDERS), "--entry", "main.ts"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /the entry main\.ts \(as given\) is no file/);
    const nowhere = await run(["deploy", join(scratch, "nowhere")]);
    assert.equal(nowhere.code, 2);
    assert.match(nowhere.stderr, /package\.json/);
});

test("deployments are listed, the newest first", async () => {
    const deployments = await json(["deployments", "list", "-n", "2"]);
    assert.equal(deployments.length, 2);
    assert.ok(deployments[0].created_at >= deployments[1].created_at);
    assert.match(await out(["deployments", "list"]), /^DEPLOYMENT +STATUS +CREATED +WORKFLOWS +DESCRIPTION\n/);
});

test("deployments logs -f ends with the build", async () => {
    const [{ id }] = await json(["deployments", "list", "-n", "1"]);
    assert.match(await out(["deployments", "logs", id, "-f"]), /\S/);
});

test("workflows are listed and shown with their input", async () => {
    assert.match(await out(["workflows", "list"]), new RegExp(`^${name} +ready +`, "m"));
    const shown = await out(["workflows", "get", name]);
    assert.match(shown, /^Input\n +FIELD +TYPE +\n +n +number +default 1/m);
    assert.match(shown, /^ +fail +boolean +optional/m);
    assert.equal((await json(["workflows", "get", name])).workflow, name);
});

test("jobs run --wait prints the result alone on stdout", async () => {
    const params = JSON.stringify({ n: 4 });
    const { code, stdout, stderr } = await run(["jobs", "run", name, "--params", params, "--wait"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { n: 4, twice: 8 });
    assert.match(stderr, /^looking at 4$/m);
    assert.match(stderr, /^\\x1b\]0;taken\\x07careful$/m, "what a job prints cannot steer the terminal");
});

test("params come from a file or from stdin", async () => {
    const file = join(scratch, "params.json");
    writeFileSync(file, '{"n": 5}');
    assert.deepEqual((await json(["jobs", "run", name, "-w", "-p", `@${file}`])).result, { n: 5, twice: 10 });
    const input = '{"n": 6}';
    assert.deepEqual((await json(["jobs", "run", name, "-w", "-p", "-"], { input })).result, {
        n: 6,
        twice: 12,
    });
});

test("a job that fails ends with status 1 and the author's own line", async () => {
    const { code, stdout, stderr } = await run(["jobs", "run", name, "-p", '{"fail": true}', "--wait"]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /the job failed: the shop is closed\n.*index\.ts:\d+/);
    assert.equal(stderr.split("the shop is closed").length, 2, `the reason is told once:\n${stderr}`);
    const id = /impresario logs --job (\S+)/.exec(stderr)[1];

    const shown = await run(["jobs", "get", id]);
    assert.equal(shown.code, 0, "to look at a failed job is no failure");
    assert.match(shown.stdout, /^Status +failed$/m);
    assert.match(shown.stdout, /^Error\n.*the shop is closed$/m);
    assert.equal((await run(["jobs", "get", id, "--wait"])).code, 1);
});

test("jobs are listed, filtered and cancelled", async () => {
    const { job_id: id } = await json([
        "jobs",
        "run",
        name,
        "-p",
        JSON.stringify({ hold: `${site.url}/hold/cancelled` }),
    ]);
    assert.match(
        await out(["jobs", "list"]),
        new RegExp(`^${id} +${name} +(queued|starting_browser|running) `, "m"),
    );
    assert.match(await out(["jobs", "cancel", id]), /\S/);
    const ended = await run(["jobs", "get", id, "--wait"]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /the job was cancelled: /);
    const [newest] = await json(["jobs", "list", "--status", "cancelled", "--workflow", name]);
    assert.equal(newest.job_id, id);
    assert.equal((await json(["jobs", "list", "-n", "1"])).length, 1);

    const twice = await run(["jobs", "cancel", id]);
    assert.equal(twice.code, 1, "there was nothing left to cancel");
});

test("Ctrl-C ends the waiting and not the job", async () => {
    const hold = JSON.stringify({ hold: `${site.url}/hold/interrupted` });
    const waiting = start(["jobs", "run", name, "--wait", "-p", hold]);
    await site.visit("/hold/interrupted");
    await waiting.shows("stderr", /looking at/);
    waiting.child.kill("SIGINT");
    const { signal, stderr } = await waiting.ended;
    assert.equal(signal, "SIGINT");
    const id = /The job goes on\. .*impresario jobs get (\S+) --wait\n/.exec(stderr)[1];
    assert.equal((await json(["jobs", "get", id])).status, "running");
    await out(["jobs", "cancel", id]);
});

test("waiting outlives a restart of the server", async () => {
    const server = await Server.start();
    const env = { IMPRESARIO_URL: server.url, IMPRESARIO_API_KEY: await server.key("restart") };
    await out(["deploy", folder(ORDERS)], { env });
    const hold = JSON.stringify({ hold: `${site.url}/hold/restarted` });
    const waiting = start(["jobs", "run", name, "--wait", "-p", hold], { env });
    await site.visit("/hold/restarted");
    await server.end("SIGKILL");
    const again = await Server.start({ data: server.data, args: ["--listen", new URL(server.url).host] });
    const { code, stderr } = await waiting.ended;
    await again.stop();
    assert.equal(code, 1);
    assert.match(stderr, /the job failed: /, "a job that was lost is told as such");
});

test("logs are shown for a job, a workflow, a level, and followed to the job's end", async () => {
    const { job_id: id } = await json(["jobs", "run", name, "-w"]);
    assert.match(await out(["logs", "--job", id]), /^[\d: -]+ info +looking at 1\n[^]* warn +\\x1b/m);
    assert.match(await out(["logs", "-f", "--job", id]), /looking at 1/);
    const lines = (await out(["logs", "--workflow", name, "--level", "warn", "-n", "3", "-o", "json"]))
        .trim()
        .split("\n");
    assert.equal(lines.length, 3);
    assert.ok(lines.map((line) => JSON.parse(line)).every(({ level }) => level === "warn"));
    assert.equal((await run(["logs", "--job", id, "--workflow", name])).code, 2);
});

test("logs -f shows the lines of new jobs, each once", async () => {
    const following = start(["logs", "-f", "-n", "1"]);
    await following.shows("stdout", /\n/);
    const before = following.stdout.length;
    await out(["jobs", "run", name, "-w", "-p", '{"n": 77}']);
    await following.shows("stdout", /looking at 77\n[^]*careful\n/);
    await out(["jobs", "run", name, "-w", "-p", '{"n": 78}']);
    await following.shows("stdout", /looking at 78\n/);
    following.child.kill("SIGTERM");
    const { stdout } = await following.ended;
    assert.equal(stdout.slice(before).match(/looking at 77/g).length, 1);
});

test("credentials come from stdin and never from a list", async () => {
    assert.equal(
        await out(["credentials", "set", "Shop_Password"], { input: "s3cret\n" }),
        "Stored Shop_Password\n",
    );
    assert.equal(await out(["credentials", "set", "shop_password", "other"]), "Changed shop_password\n");
    assert.equal(await out(["credentials", "get", "shop_password"]), "other\n");
    const listed = await out(["credentials", "list"]);
    assert.match(listed, /^shop_password +/im);
    assert.doesNotMatch(listed, /other/);
    await out(["credentials", "delete", " SHOP_PASSWORD "]);
    assert.deepEqual(await json(["credentials", "list"]), []);
    const gone = await run(["credentials", "delete", "shop_password"]);
    assert.equal(gone.code, 3);
    assert.match(gone.stderr, /there is no credential "shop_password"/);
    assert.equal((await run(["credentials", "set", "empty"])).code, 2);
});

test("profiles are listed and deleted", async () => {
    await tenant.ok("browserProfiles/ensure", { name: "shop" });
    assert.match(await out(["profiles", "list"]), /^shop +/m);
    assert.equal(await out(["profiles", "delete", "shop"]), "Deleted shop\n");
    assert.equal((await run(["profiles", "delete", "shop"])).code, 1);
});

test("what the server refuses is told with its fields, and ends with status 3", async () => {
    const unknown = await run(["workflows", "get", "nobody"]);
    assert.equal(unknown.code, 3);
    assert.match(unknown.stderr, /nobody/);
    const bad = await run(["jobs", "run", name, "--start-url", "not a url"]);
    assert.equal(bad.code, 3);
    assert.match(bad.stderr, /\n {2}start_url: /);
    const refused = await run(["workflows", "list"], { env: { IMPRESARIO_API_KEY: "lbt_wrong" } });
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /does not accept the key[^]*impresario key create/);
});

test("wrong usage ends with status 2 and asks no server", async () => {
    const away = { IMPRESARIO_URL: "http://127.0.0.1:1" };
    assert.equal((await run(["jobs", "run", name, "-p", "{"], { env: away })).code, 2);
    assert.equal((await run(["jobs", "run", name, "-p", "[]"], { env: away })).code, 2);
    assert.equal((await run(["jobs", "run", name, "--viewport", "big"], { env: away })).code, 2);
    assert.equal((await run(["jobs", "run", name, "--headless", "--headed"], { env: away })).code, 2);
    const keyless = await run(["jobs", "list"], { env: { ...away, IMPRESARIO_API_KEY: "" } });
    assert.equal(keyless.code, 2);
    assert.match(keyless.stderr, /IMPRESARIO_API_KEY is not set/);
});

test("a server that is away is named, and so is the way to name another", async () => {
    const { code, stderr } = await run(["workflows", "list"], {
        env: { IMPRESARIO_URL: "http://127.0.0.1:1" },
    });
    assert.equal(code, 3);
    assert.match(stderr, /cannot reach http:\/\/127\.0\.0\.1:1: [^]*IMPRESARIO_URL or --url/);
});

test("the public client's variables are read as well", async () => {
    const env = {
        IMPRESARIO_URL: "",
        IMPRESARIO_API_KEY: "",
        LIBRETTO_API_URL: `${tenant.url}/`,
        LIBRETTO_API_KEY: tenant.key,
    };
    await out(["workflows", "list"], { env });
});

test("at a terminal a deployment ticks off its phases, in colour unless that is unwanted", async () => {
    const path = folder(ORDERS);
    const shown = await terminal(["deploy", path]).ended;
    assert.equal(shown.code, 0, shown.stdout);
    assert.match(shown.stdout, /\x1b\[32m✓\x1b\[0m pack {7}2 files/);
    assert.match(shown.stdout, /\x1b\[32m✓\x1b\[0m upload/);
    assert.match(shown.stdout, /is \x1b\[32mready\x1b\[0m/);
    const plain = await terminal(["deploy", path], { NO_COLOR: "1" }).ended;
    assert.match(plain.stdout, /✓ pack {7}2 files/);
    assert.doesNotMatch(plain.stdout, /\x1b\[3/);
});

test("at a terminal a credential is asked for and not shown", async () => {
    const asking = terminal(["credentials", "set", "typed"]);
    await asking.shows("stdout", /Value of typed \(not shown\): /);
    asking.child.stdin.write("hush\n");
    const { code, stdout } = await asking.ended;
    assert.equal(code, 0, stdout);
    assert.doesNotMatch(stdout, /hush/);
    assert.equal(await out(["credentials", "get", "typed"]), "hush\n");
});

test("a workflow that was deleted is gone", async () => {
    assert.match(await out(["workflows", "delete", name]), /\S/);
    assert.equal((await run(["workflows", "get", name])).code, 3);
    assert.deepEqual(await json(["workflows", "list"]), []);
});

test("every command has help, and the overview has every command", async () => {
    const overview = await out(["--help"]);
    const commands = [...overview.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, command]) => command);
    for (const command of [
        "serve",
        "key",
        "deploy",
        "deployments",
        "workflows",
        "jobs",
        "logs",
        "credentials",
    ]) {
        assert.ok(commands.includes(command), `${command} is not in the overview`);
    }
    for (const command of commands) {
        const help = await out([command, "--help"]);
        for (const [, verb] of help.matchAll(new RegExp(`^ {2}impresario ${command} ([a-z]+) `, "gm"))) {
            assert.match(
                await out([command, verb, "--help"]),
                new RegExp(`^Usage:[^]*impresario ${command} ${verb}`),
            );
        }
    }
});
