// SPDX-License-Identifier: Apache-2.0
/**
 * What a workflow may expect of the server that runs it. The twelve numbered points are run twice:
 * from an artifact shaped like the public client's, and from a package as a person writes it.
 */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { bootstrap, oneWorkflow, plain } from "../support/artifact.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const site = await Site.open();
after(() => site.close());

/** The author's package; `from` is the module that offers `workflow`. */
const authored = (from) => ({
    "index.ts":
        'export * from "./src/input";\nexport * from "./src/page";\nexport * from "./src/ends";\nexport * from "./src/state";\n',
    "src/input.ts": `import { workflow, z } from "${from}";
export const input = workflow("input", {
  input: z.object({ city: z.string(), days: z.number().int().default(3) }),
  credentials: ["Portal_User", "portal_pass", "never_stored"],
  handler: async (_ctx: any, given: any) => given,
});
export const bare = workflow("bare", async (_ctx: any, given: any) => given);
export const strict = workflow("strict", { input: z.strictObject({ a: z.number() }), handler: async (_ctx: any, given: any) => given });
export const own = workflow("own-credentials", async (_ctx: any, { credentials }: any) => credentials);
`,
    "src/page.ts": `import { workflow, downloadViaClick, pause } from "${from}";
export const paused = workflow("paused", async ({ session }: any) => { await pause(session); return session; });
export const started = workflow("started", {
  startUrl: "${site.url}/start",
  viewport: { width: 800, height: 600 },
  handler: async ({ page }: any) => ({ url: page.url(), heading: await page.locator("h1").textContent(), viewport: page.viewportSize() }),
});
export const kept = workflow("kept-names", async ({ page }: any) => {
  await page.goto("${site.url}/start");
  return page.evaluate(() => {
    const tellName = () => 1;
    function count() { return document.querySelectorAll("h1").length + tellName(); }
    return [count(), count.name];
  });
});
export const download = workflow("download", async ({ page }: any) => {
  await page.goto("${site.url}/files");
  const got: any = await downloadViaClick(page, "#note");
  return [got.filename, got.text ?? got.buffer.toString("utf8")];
});
export const form = workflow("form", async ({ page }: any, { name }: any) => {
  await page.goto("${site.url}/form");
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Greet" }).click();
  return page.locator("#greeting").textContent();
});
`,
    "src/ends.ts": `import { workflow } from "${from}";
import { deepest } from "./deep/helper";

export const thrower = workflow("thrower", async ({ page }: any) => {
  await page.goto("${site.url}/start");
  await page.evaluate(() => 1);
  deepest("on purpose");
});
export const exits = workflow("exits", async () => { process.exit(0); });
export const nothing = workflow("nothing", async () => undefined);
export const talks = workflow("talks", async () => {
  console.log("an info"); console.info("an info too"); console.debug("a debug"); console.warn("a warning"); console.error("an error");
  process.stdout.write("raw out\\n"); process.stderr.write("raw err\\n");
  return true;
});
`,
    "src/deep/helper.ts": `/** Throws. */
export class PortalError extends Error {
  override name = "PortalError";
}

export function deepest(what: string): never {
  // the next line is the seventh and eighth
  const message = "deepest: " + what;
  throw new PortalError(message);
}
`,
    "src/state.ts": `import { workflow } from "${from}";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
let runs = 0;
export const state = workflow("state", async ({ page }: any) => {
  runs += 1;
  await page.goto("${site.url}/cookie");
  const cookie = await page.locator("#cookie").textContent();
  const stored = await page.evaluate(() => { const was = localStorage.getItem("mark"); localStorage.setItem("mark", "left"); return was; });
  const left = [join(tmpdir(), "left-over"), join(homedir(), "left-over")];
  const seen = left.filter((path) => existsSync(path));
  for (const path of left) writeFileSync(path, "x");
  return { runs, cookie, stored, seen };
});
`,
});

const SHAPES = {
    "a client's artifact": () => bootstrap(authored("libretto"), { keepNames: true }),
    "a plain package": () => plain(authored("impresario")),
};

for (const [shape, make] of Object.entries(SHAPES)) {
    const t = await Tenant.make("runtime");
    for (const [name, value] of [
        ["PORTAL_USER", "ada"],
        ["portal_pass", "lovelace"],
        ["undeclared", "not for you"],
    ]) {
        await t.ok("credentials/create", { name, value });
    }
    await t.deploy(await make());

    test(`${shape} (1): the handler sees parsed input with defaults, and only the credentials it declares`, async () => {
        assert.deepEqual(await t.result("input", { city: "Kraków", stray: true }), {
            city: "Kraków",
            days: 3,
            credentials: { portal_user: "ada", portal_pass: "lovelace" },
        });
        assert.deepEqual(await t.result("bare", { a: 1 }), { a: 1 });
        assert.deepEqual(await t.result("own-credentials", { credentials: { mine: 1 } }), { mine: 1 });
    });

    test(`${shape} (1): input that the schema refuses fails the job with the runtime's message`, async () => {
        const job = await t.run("input", { days: "three" });
        assert.equal(job.status, "failed");
        assert.match(job.error, /^(LibrettoWorkflowInputError: )?Invalid input for workflow "input":/);
        assert.match(job.error, /\n {2}- city: /);
        assert.match(job.error, /\n {2}- days: /);
        assert.deepEqual(job.params, { days: "three" });
    });

    test(`${shape} (2): pause does nothing`, async () => {
        const job = await t.run("paused");
        assert.equal(job.status, "completed", job.error);
        assert.equal(job.result, job.job_id);
    });

    test(`${shape} (3): the page is at startUrl when the handler starts, in the workflow's viewport`, async () => {
        assert.deepEqual(await t.result("started"), {
            url: `${site.url}/start`,
            heading: "Start here",
            viewport: { width: 800, height: 600 },
        });
    });

    test(`${shape} (4): a callback that was compiled with kept names runs in the page`, async () => {
        assert.deepEqual(await t.result("kept-names"), [2, "count"]);
    });

    test(`${shape} (5): a download is read`, async () => {
        assert.deepEqual(await t.result("download"), ["note.txt", "contents of the note"]);
    });

    test(`${shape} (6): a thrown error shows the author's file and line`, async () => {
        const job = await t.run("thrower");
        assert.equal(job.status, "failed");
        assert.equal(job.error, "PortalError: deepest: on purpose");
        assert.match(job.mapped_stack, /src\/deep\/helper\.ts:9/);
        assert.match(job.mapped_stack, /src\/ends\.ts:7/);
        assert.doesNotMatch(job.mapped_stack, /\/work\/|\/tmp\/|\.cjs/);
    });

    test(`${shape} (7): the second job sees no cookie, file, storage or module state of the first`, async () => {
        const fresh = { runs: 1, cookie: "none", stored: null, seen: [] };
        assert.deepEqual(await t.result("state"), fresh);
        assert.deepEqual(await t.result("state"), fresh);
    });

    test(`${shape} (8): __libretto never reaches the handler`, async () => {
        assert.deepEqual(await t.result("bare", {}), {});
        assert.deepEqual(await t.result("strict", { a: 1 }), { a: 1 });
    });

    test(`${shape} (9): process.exit fails the job`, async () => {
        const job = await t.run("exits");
        assert.equal(job.status, "failed");
        assert.match(job.error, /exited before it finished/i);
        assert.ok(!("result" in job));
    });

    test(`${shape} (10): console.warn is a warn entry, and each other method has its level`, async () => {
        const { job_id } = await t.run("talks");
        const logs = await t.logs(job_id);
        const level = (text) => logs.find(({ message }) => message === text)?.level;
        assert.deepEqual(
            ["an info", "an info too", "a debug", "a warning", "an error", "raw out", "raw err"].map(level),
            ["info", "info", "info", "warn", "error", "info", "error"],
        );
    });

    test(`${shape} (11): undefined gives null`, async () => {
        const job = await t.run("nothing");
        assert.equal(job.status, "completed", job.error);
        assert.equal(job.result, null);
    });

    test(`${shape} (12): a declared credential that is not stored leaves a warning`, async () => {
        const { job_id, status } = await t.run("input", { city: "x" });
        assert.equal(status, "completed");
        const warnings = (await t.logs(job_id)).filter(({ level }) => level === "warn");
        assert.ok(
            warnings.some(({ message }) => message.includes("never_stored")),
            JSON.stringify(warnings),
        );
    });

    test(`${shape}: a form is filled in a real page`, async () => {
        assert.equal(await t.result("form", { name: "Ada" }), "Hello, Ada!");
    });
}

const t = await Tenant.make("runtime-more");
const TYPESCRIPT = (body) => `import { workflow, z } from "impresario";\n${body}\n`;

for (const generation of ["before", "oldest"]) {
    test(`(8) __libretto stays away from a runtime of the ${generation} generation, which would hand it on`, async () => {
        await t.deploy(
            await bootstrap(
                {
                    "index.ts": `import { workflow, z } from "libretto";
export const a = workflow("${generation}-bare", async (_ctx: any, given: any) => Object.keys(given));
export const b = workflow("${generation}-strict", { input: z.strictObject({ n: z.number() }), handler: async (_ctx: any, given: any) => given });
`,
                },
                { generation },
            ),
        );
        assert.deepEqual(await t.result(`${generation}-bare`, { a: 1 }), ["a"]);
        assert.deepEqual(await t.result(`${generation}-strict`, { n: 1 }), { n: 1 });
    });
}

test("(8) a runtime that knows __libretto gets the address and a token of this one job", async () => {
    await t.deploy(
        await bootstrap({
            "index.ts": `import { workflow, currentJobAuth } from "libretto";
export const w = workflow("job-auth", async () => currentJobAuth() ?? null);
`,
        }),
    );
    const [first, second] = [await t.run("job-auth"), await t.run("job-auth")];
    assert.equal(first.result.jobId, first.job_id);
    assert.equal(new URL(first.result.apiUrl).protocol, "http:");
    assert.ok(first.result.token && first.result.token !== second.result.token);
    assert.notEqual(first.result.token, t.key);
    assert.deepEqual(first.params, {});
});

test("the environment is what is promised, and holds no secret", async () => {
    await t.deploy(
        oneWorkflow(
            "environment",
            "return { ...process.env, cwd: process.cwd(), node: process.versions.node };",
        ),
    );
    const env = await t.result("environment");
    assert.equal(env.NODE_ENV, "production");
    assert.equal(env.LIBRETTO_HOSTED_RUNTIME, "true");
    assert.deepEqual([env.LANG, env.TZ], ["C.UTF-8", "UTC"]);
    for (const name of ["TMPDIR", "HOME", "LIBRETTO_REPO_ROOT", "PATH"]) assert.ok(env[name], name);
    const foreign = Object.keys(env).filter((name) =>
        /^(LIBRETTO_(API_KEY|CLOUD_)|NODE_(PATH|OPTIONS|EXTRA)|DEBUG|PWDEBUG|CI$|IMPRESARIO_(TEST|EGRESS|REGISTRY))/.test(
            name,
        ),
    );
    assert.deepEqual(foreign, []);
    assert.ok(Number(env.node.split(".")[0]) >= 22);
});

test("overrides of the job win over the workflow: start_url, viewport, headless", async () => {
    await t.deploy(
        oneWorkflow(
            "overridden",
            "return { url: page.url(), viewport: page.viewportSize() };",
            `{ startUrl: "${site.url}/start", viewport: { width: 800, height: 600 } }`,
        ),
    );
    assert.deepEqual(
        await t.result(
            "overridden",
            {},
            { start_url: `${site.url}/form`, viewport: { width: 640, height: 480 }, headless: true },
        ),
        {
            url: `${site.url}/form`,
            viewport: { width: 640, height: 480 },
        },
    );
});

test("without anything said the page is blank and 1366 x 768", async () => {
    await t.deploy(
        oneWorkflow("defaults", "return [page.url(), page.viewportSize(), page.context().pages().length];"),
    );
    assert.deepEqual(await t.result("defaults"), ["about:blank", { width: 1366, height: 768 }, 1]);
});

test("the user agent does not say Headless", async () => {
    await t.deploy(
        oneWorkflow("agent", "return page.evaluate(() => [navigator.userAgent, navigator.webdriver]);"),
    );
    const [agent, webdriver] = await t.result("agent");
    assert.match(agent, /Chrome\//);
    assert.doesNotMatch(agent, /Headless/);
    assert.ok(!webdriver);
});

test("a startUrl that cannot be opened fails the job before the handler, and is named", async () => {
    await t.deploy(
        oneWorkflow(
            "unreachable",
            'console.log("handler ran"); return 1;',
            `{ startUrl: "${site.url}/broken" }`,
        ),
    );
    const job = await t.run("unreachable");
    assert.equal(job.status, "failed");
    assert.ok(job.error.includes(`${site.url}/broken`), job.error);
    assert.ok(!(await t.logs(job.job_id)).some(({ message }) => message === "handler ran"));
});

test("the wall around jobs: loopback that is not allowed is not reached by a page", async () => {
    await t.deploy(
        oneWorkflow(
            "elsewhere",
            'return page.goto("http://[::1]:9/").then(() => "opened", (error: Error) => error.message);',
        ),
    );
    assert.notEqual(await t.result("elsewhere"), "opened");
});

test("a timeout ends the job in time and names its limit", async () => {
    await t.deploy(oneWorkflow("endless", "await new Promise((resolve) => setInterval(() => {}, 1000));"));
    const before = Date.now();
    const job = await t.run("endless", {}, { timeout_seconds: 3 });
    assert.equal(job.status, "failed");
    assert.match(job.error, /Timed out after 3 s/);
    assert.ok(Date.now() - before < 60_000);
    assert.ok(Date.parse(job.completed_at) - Date.parse(job.started_at) < 8_000);
});

test("a timeout ends even a handler that spins", async () => {
    await t.deploy(oneWorkflow("spinning", "for (;;) {}"));
    assert.match((await t.run("spinning", {}, { timeout_seconds: 2 })).error, /Timed out after 2 s/);
});

test("cancel kills the whole tree in a moment", async () => {
    await t.deploy(
        oneWorkflow(
            "stubborn",
            `process.on("SIGTERM", () => {});
const { spawn } = await import("node:child_process");
spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); fetch('${site.url}/hold/child'); setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
await fetch("${site.url}/hold/stubborn");`,
        ),
    );
    const id = await t.start("stubborn");
    await Promise.all([site.visit("/hold/stubborn"), site.visit("/hold/child")]);
    const before = Date.now();
    assert.equal((await t.ok("jobs/cancel", { id })).success, true);
    const job = await t.finished(id);
    assert.equal(job.status, "cancelled");
    assert.ok(Date.now() - before < 7_000, `took ${Date.now() - before} ms`);
    await site.left("/hold/stubborn");
    await site.left("/hold/child");
    assert.equal((await t.ok("jobs/cancel", { id })).success, false);
});

const THROWN = {
    "an Error shows its message": ['throw new Error("plain");', "plain"],
    "a class shows its name": ['throw new TypeError("typed");', "TypeError: typed"],
    "text is shown as it is": ['throw "just text";', "just text"],
    "an odd value is shown": ["throw { odd: 1 };", /odd/],
    "undefined is told": ["throw undefined;", /undefined/],
    "null is told": ["throw null;", /null/],
    "several lines are kept": ['throw new Error("one\\ntwo");', "one\ntwo"],
    "a page's own error is told": [
        'await page.evaluate(() => { throw new Error("in the page"); });',
        /in the page/,
    ],
    "a Playwright timeout keeps its call log": [
        'await page.locator("#never").click({ timeout: 200 });',
        /TimeoutError: .*200ms/,
    ],
};
let thrown = 0;
for (const [what, [body, expected]] of Object.entries(THROWN)) {
    const name = `thrown-${thrown++}`;
    test(`what is thrown: ${what}`, async () => {
        await t.deploy(oneWorkflow(name, body));
        const job = await t.run(name);
        assert.equal(job.status, "failed");
        if (typeof expected === "string") assert.equal(job.error, expected);
        else assert.match(job.error, expected);
    });
}

test("an error is cut at 64 KiB", async () => {
    await t.deploy(oneWorkflow("wordy", 'throw new Error("w".repeat(300_000));'));
    assert.ok(Buffer.byteLength((await t.run("wordy")).error) <= 66_000);
});

test("instanceof holds between the workflow's playwright and the page's errors", async () => {
    await t.deploy(
        plain({
            "index.ts": TYPESCRIPT(`import { errors } from "playwright";
export default workflow("same-playwright", async ({ page }: any) => {
  try { await page.locator("#never").click({ timeout: 100 }); } catch (error) { return error instanceof errors.TimeoutError; }
});`),
        }),
    );
    assert.equal(await t.result("same-playwright"), true);
});

const RESULTS = {
    null: ["return null;", null],
    text: ['return "text ✓";', "text ✓"],
    "a number": ["return 1.5;", 1.5],
    false: ["return false;", false],
    "a list": ["return [1, [2]];", [1, [2]]],
    "a date": ["return { at: new Date(0) };", { at: "1970-01-01T00:00:00.000Z" }],
    toJSON: ["return { toJSON: () => 7 };", 7],
    "functions, undefined": ["return { f() {}, u: undefined, k: 1 };", { k: 1 }],
    NaN: ["return NaN;", null],
    "a function alone": ["return () => 1;", null],
};
let returned = 0;
for (const [what, [body, expected]] of Object.entries(RESULTS)) {
    const name = `returned-${returned++}`;
    test(`what is returned: ${what}`, async () => {
        await t.deploy(oneWorkflow(name, body));
        assert.deepEqual(await t.result(name), expected);
    });
}

for (const [what, body, says] of [
    ["a BigInt", "return { n: 1n };", /BigInt/i],
    ["a cycle", "const a: any = {}; a.a = a; return a;", /circular|cycl/i],
    ["more than the limit", 'return "x".repeat(6 << 20);', /5 MiB|limit|large/i],
]) {
    test(`what cannot be a result fails with a sentence: ${what}`, async () => {
        const name = `unreturnable-${what.replaceAll(" ", "-")}`;
        await t.deploy(oneWorkflow(name, body));
        const job = await t.run(name);
        assert.equal(job.status, "failed");
        assert.match(job.error, says);
    });
}

test("a rejection that nobody handles is logged and fails nothing", async () => {
    await t.deploy(
        oneWorkflow(
            "unhandled",
            'Promise.reject(new Error("left alone")); await new Promise((resolve) => setTimeout(resolve, 50)); return "done";',
        ),
    );
    const job = await t.run("unhandled");
    assert.equal(job.result, "done", job.error);
    assert.ok(
        (await t.logs(job.job_id)).some(
            ({ level, message }) => level === "error" && message.includes("left alone"),
        ),
    );
});

test("an exception in a timer fails the job with its message", async () => {
    await t.deploy(
        oneWorkflow(
            "timer",
            'setTimeout(() => { throw new Error("from a timer"); }, 10); await new Promise((resolve) => setTimeout(resolve, 30_000));',
        ),
    );
    const job = await t.run("timer");
    assert.equal(job.status, "failed");
    assert.match(job.error, /from a timer/);
});

test("a promise that nothing can settle fails the job", async () => {
    await t.deploy(
        oneWorkflow("stalled", "await page.context().browser()?.close(); await new Promise(() => {});"),
    );
    const job = await t.run("stalled", {}, { timeout_seconds: 20 });
    assert.equal(job.status, "failed");
});

test("a browser that dies is named as the cause", async () => {
    await t.deploy(
        oneWorkflow(
            "crashing",
            'await page.goto("chrome://kill").catch(() => {}); await page.goto("chrome://crash").catch(() => {}); return page.title();',
        ),
    );
    const job = await t.run("crashing", {}, { timeout_seconds: 30 });
    assert.equal(job.status, "failed");
    assert.match(job.error, /crash|closed/i);
});

test("memory without end ends the job", async () => {
    await t.deploy(
        oneWorkflow("hungry", "const hoard: any[] = []; for (;;) hoard.push(Buffer.alloc(32 << 20, 1));"),
    );
    const job = await t.run("hungry", {}, { timeout_seconds: 60 });
    assert.equal(job.status, "failed");
    assert.match(job.error, /memory|Timed out/i);
});

test("a disk without end ends in an error of the workflow, not of the server", async () => {
    await t.deploy(
        oneWorkflow(
            "filling",
            'const { createWriteStream } = await import("node:fs"); const fs = await import("node:fs"); const os = await import("node:os"); const fd = fs.openSync(os.tmpdir() + "/fill", "w"); const block = Buffer.alloc(16 << 20); for (let i = 0; i < 1000; i++) fs.writeSync(fd, block);',
        ),
    );
    const job = await t.run("filling");
    assert.equal(job.status, "failed");
    assert.match(job.error, /ENOSPC|no space|memory/i);
});

test("work left behind after the handler returned is ended", async () => {
    await t.deploy(
        oneWorkflow(
            "left-behind",
            `setInterval(() => {}, 1000); const held = fetch("${site.url}/hold/behind").catch(() => {}); await new Promise((resolve) => setTimeout(resolve, 100)); return "returned";`,
        ),
    );
    assert.equal(await t.result("left-behind"), "returned");
    await site.left("/hold/behind");
});

test("popups are allowed", async () => {
    await t.deploy(
        oneWorkflow(
            "popup",
            `await page.goto("${site.url}/start");
const [popup] = await Promise.all([page.waitForEvent("popup"), page.evaluate(() => { window.open("/form"); })]);
await popup.waitForLoadState();
return popup.title();`,
        ),
    );
    assert.equal(await t.result("popup"), "Form");
});

test("a CDP session, an upload and a screenshot work", async () => {
    await t.deploy(
        oneWorkflow(
            "tools",
            `await page.setContent('<input type="file" id="f">');
await page.setInputFiles("#f", { name: "up.txt", mimeType: "text/plain", buffer: Buffer.from("up") });
const cdp = await page.context().newCDPSession(page);
await cdp.send("Page.enable");
const shot = await cdp.send("Page.captureScreenshot");
return [await page.evaluate(() => (document.querySelector("#f") as any).files[0].name), shot.data.length > 100];`,
        ),
    );
    assert.deepEqual(await t.result("tools"), ["up.txt", true]);
});

test("the deployment's folder is the working directory, and read-only data files are there", async () => {
    await t.deploy(
        plain({
            "index.ts": TYPESCRIPT(`import { readFileSync } from "node:fs";
export default workflow("data-file", async () => readFileSync("data/list.txt", "utf8"));`),
            "data/list.txt": "one\ntwo\n",
        }),
    );
    assert.equal(await t.result("data-file"), "one\ntwo\n");
});

test("the logger of old workflows is there", async () => {
    await t.deploy(
        plain({
            "index.ts": TYPESCRIPT(
                'export default workflow("old-logger", async ({ logger }: any) => { logger.warn("old-event", { a: 1 }); return 1; });',
            ),
        }),
    );
    const job = await t.run("old-logger");
    assert.equal(job.result, 1, job.error);
    assert.ok(
        (await t.logs(job.job_id)).some(
            ({ level, message }) => level === "warn" && message.includes("old-event"),
        ),
    );
});

test("jobs that come together wait their turn, and all complete", async () => {
    await t.deploy(
        oneWorkflow("many", 'await page.setContent("<title>" + input.i + "</title>"); return page.title();'),
    );
    const ids = await Promise.all(Array.from({ length: 8 }, (_, i) => t.start("many", { i })));
    const jobs = await Promise.all(ids.map((id) => t.finished(id)));
    assert.deepEqual(
        jobs.map(({ result }) => result),
        ["0", "1", "2", "3", "4", "5", "6", "7"],
    );
});

test("a job that waits for its turn is cancelled at once", async () => {
    await t.deploy(oneWorkflow("occupying", `await fetch("${site.url}/hold/occupied");`));
    const ids = await Promise.all(Array.from({ length: 12 }, () => t.start("occupying")));
    const states = await Promise.all(ids.map((id) => t.ok("jobs/get", { id })));
    const queued = states.findLast(({ status }) => status === "queued");
    assert.ok(queued, JSON.stringify(states.map(({ status }) => status)));
    assert.equal((await t.ok("jobs/cancel", { id: queued.job_id })).success, true);
    const cancelled = await t.ok("jobs/get", { id: queued.job_id });
    assert.deepEqual([cancelled.status, cancelled.started_at], ["cancelled", null]);
    assert.ok(cancelled.error);

    for (const id of ids) if (id !== queued.job_id) await t.ok("jobs/cancel", { id });
    for (const id of ids) assert.equal((await t.finished(id)).status, "cancelled");
});

test("a queued job keeps the deployment that it was created for", async () => {
    await t.deploy(oneWorkflow("pinned", `await fetch("${site.url}/hold/pinned"); return "old";`));
    const id = await t.start("pinned");
    await site.visit("/hold/pinned");
    await t.deploy(oneWorkflow("pinned", 'return "new";'));
    site.release();
    assert.equal((await t.finished(id)).result, "old");
    assert.equal(await t.result("pinned"), "new");
});
