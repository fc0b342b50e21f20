// SPDX-License-Identifier: Apache-2.0
/**
 * What a workflow may expect of the server that runs it. The twelve numbered points are run twice:
 * from an artifact shaped like the public client's, and from a package as a person writes it.
 */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { bootstrap, plain } from "../support/artifact.mjs";
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
export const odd = workflow("odd", async () => {
  console.log("Great 😀".slice(0, 7), "a\\0b");
  return { half: "Great 😀".slice(0, 7), nul: "a\\0b", large: 2 ** 64, whole: "😀" };
});
export const oddError = workflow("odd-error", async () => { throw new Error("not " + "😀".slice(0, 1)); });
export const deep = workflow("deep", async () => JSON.parse("[".repeat(70) + "]".repeat(70)));
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

    test(`${shape}: what JSON of JavaScript has and other JSON has not ends no job`, async () => {
        const job = await t.run("odd");
        assert.equal(job.status, "completed", job.error);
        assert.deepEqual(job.result, { half: "Great \ufffd", nul: "a\ufffdb", large: 2 ** 64, whole: "😀" });
        const logs = await t.logs(job.id);
        assert.ok(logs.some(({ message }) => message === "Great \ufffd a\ufffdb"), JSON.stringify(logs));
        assert.match((await t.run("odd-error")).error, /not \ufffd/);
        assert.match((await t.run("deep")).error, /nested 70 levels deep, and at most 64 are kept/);
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
