// SPDX-License-Identifier: Apache-2.0
/** What surrounds a handler: its environment, its page and browser, its files. */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const site = await Site.open();
after(() => site.close());
const t = await Tenant.make("surroundings");

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

test("a page takes itself to be online, and a name that is not there is told as that", async () => {
    await t.deploy(
        oneWorkflow(
            "online",
            `await page.goto("${site.url}/start");
return [await page.evaluate(() => navigator.onLine), await page.goto("http://nowhere.invalid/").catch(({ message }: any) => message)];`,
        ),
    );
    const [online, error] = await t.result("online");
    assert.equal(online, true);
    assert.match(error, /ERR_NAME_NOT_RESOLVED/);
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
            "index.ts": `import { workflow } from "impresario";
import { readFileSync } from "node:fs";
export default workflow("data-file", async () => readFileSync("data/list.txt", "utf8"));
`,
            "data/list.txt": "one\ntwo\n",
        }),
    );
    assert.equal(await t.result("data-file"), "one\ntwo\n");
});

test("the logger of old workflows is there", async () => {
    await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export default workflow("old-logger", async ({ logger }: any) => { logger.warn("old-event", { a: 1 }); return 1; });
`,
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
