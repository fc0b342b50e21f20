// SPDX-License-Identifier: Apache-2.0
/** A job and its browser are in two boxes: what goes from one to the other, and what does not. */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { plain } from "../support/artifact.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const site = await Site.open();
after(() => site.close());
const t = await Tenant.make("browser-box");

/** Workflows by name, as one deployment. */
const handlers = {
    download: `await page.goto("${site.url}/files");
const [download] = await Promise.all([page.waitForEvent("download"), page.click("#note")]);
await download.saveAs("/work/app/kept.txt");
return [download.suggestedFilename(), readFileSync(await download.path(), "utf8"), readFileSync("/work/app/kept.txt", "utf8")];`,

    upload: `mkdirSync("/work/tmp/a/deep", { recursive: true });
mkdirSync("/work/home/b");
writeFileSync("/work/tmp/a/same name.txt", "one");
writeFileSync("/work/tmp/a/deep/x.txt", "deep");
writeFileSync("/work/home/b/same name.txt", "two");
await page.setContent('<input type="file" id="f" multiple><input type="file" id="d" webkitdirectory>');
await page.setInputFiles("#f", ["/work/tmp/a/same name.txt", "/work/home/b/same name.txt", "data/given.txt"]);
await page.setInputFiles("#d", "/work/tmp/a");
const read = (selector: string) => page.$eval(selector, async (input: any) =>
    Promise.all([...input.files].map(async (file: any) => [file.webkitRelativePath || file.name, await file.text()])));
return [await read("#f"), (await read("#d")).sort()];`,

    chooser: `writeFileSync("/work/tmp/chosen.txt", "chosen");
await page.setContent('<input type="file" id="f">');
const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#f")]);
await chooser.setFiles("/work/tmp/chosen.txt");
return page.$eval("#f", (input: any) => input.files[0].text());`,

    pictures: `await page.setContent("<h1>Hello</h1>");
await page.context().tracing.start({ screenshots: true, snapshots: true });
const pdf = await page.pdf(), png = await page.screenshot({ path: "/work/app/page.png", fullPage: true });
await page.context().tracing.stop({ path: "/work/app/trace.zip" });
return [pdf.subarray(0, 5).toString(), png.length, statSync("/work/app/page.png").size === png.length, statSync("/work/app/trace.zip").size > 100];`,

    server: `const server = createServer((request: any, response: any) => response.end("from " + request.headers.host));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
const { port } = server.address() as any;
await page.goto("http://localhost:" + port + "/");
return [await page.innerText("body"), "from localhost:" + port];`,

    another: `const browser = await chromium.launch({ executablePath: "/usr/lib/chromium/chromium" });
const other = await browser.newPage();
await other.goto("${site.url}/files");
const [download] = await Promise.all([other.waitForEvent("download"), other.click("#note")]);
const text = readFileSync(await download.path(), "utf8");
await browser.close();
return [text, browser.isConnected(), page.context().browser()!.isConnected()];`,

    persistent: `const open = () => chromium.launchPersistentContext("/work/home/profile", { executablePath: "/usr/lib/chromium/chromium", chromiumSandbox: true });
let context = await open();
await context.pages()[0].goto("${site.url}/cookie");
await context.close();
context = await open();
await context.pages()[0].goto("${site.url}/cookie");
const text = await context.pages()[0].innerText("#cookie");
await context.close();
return text;`,

    flags: `return chromium.launch({ executablePath: "/usr/lib/chromium/chromium", args: ["--remote-debugging-port=9222"] }).then(() => "launched", ({ message }: any) => message);`,

    surroundings: `const commands = readdirSync("/proc").filter((name: string) => /^[0-9]+$/.test(name)).map((pid: string) => readFileSync("/proc/" + pid + "/cmdline", "utf8").replaceAll("\\0", " "));
const nested = spawnSync("/usr/bin/unshare", ["--user", "/usr/bin/true"]);
return { commands, nested: nested.status, chromium: readdirSync("/usr/lib/chromium"), tool: statSync("/usr/lib/chromium/chromium").size, shm: readdirSync("/dev/shm") };`,

    file: `return page.goto("file:///etc/passwd").then(() => "opened", ({ message }: any) => message);`,

    targets: `const session = await page.context().browser()!.newBrowserCDPSession();
const { targetInfos } = await session.send("Target.getTargets", { filter: [{}] });
return targetInfos.map(({ type }: any) => type).sort();`,

    crash: `const session = await page.context().browser()!.newBrowserCDPSession();
session.send("Browser.crash").catch(() => {});
await page.waitForTimeout(60_000);`,
};

await t.deploy(
    plain({
        "index.ts": [
            'import { workflow } from "impresario";',
            'import { chromium } from "playwright";',
            'import { spawnSync } from "node:child_process";',
            'import { createServer } from "node:http";',
            'import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";',
            ...Object.entries(handlers).map(
                ([name, body]) =>
                    `export const ${name}_ = workflow("${name}", async ({ page }: any) => {\n${body}\n});`,
            ),
        ].join("\n"),
        "data/given.txt": "three",
    }),
);

test("a download is read, and saved where the workflow says", async () => {
    const text = "contents of the note";
    assert.deepEqual(await t.result("download"), ["note.txt", text, text]);
});

test("files from anywhere in the job's box are uploaded, with their names; folders too", async () => {
    assert.deepEqual(await t.result("upload"), [
        [
            ["same name.txt", "one"],
            ["same name.txt", "two"],
            ["given.txt", "three"],
        ],
        [
            ["a/deep/x.txt", "deep"],
            ["a/same name.txt", "one"],
        ],
    ]);
    assert.equal(await t.result("chooser"), "chosen");
});

test("a PDF, a screenshot and a trace are made", async () => {
    const [pdf, png, saved, traced] = await t.result("pictures");
    assert.deepEqual([pdf, png > 1000, saved, traced], ["%PDF-", true, true, true]);
});

test("what a workflow serves on its loopback is reached by its page", async () => {
    const [text, expected] = await t.result("server");
    assert.equal(text, expected);
});

test("a browser loads no page of its own windows", async () => {
    assert.deepEqual(await t.result("targets"), ["page", "tab"]);
});

test("a workflow launches a browser of its own, and downloads with it", async () => {
    assert.deepEqual(await t.result("another"), ["contents of the note", false, true]);
});

test("a persistent context keeps its profile for as long as the job runs", async () => {
    assert.match(await t.result("persistent"), /left=over/);
});

test("an argument that would take a wall away is refused, and named", async () => {
    assert.match(await t.result("flags"), /takes no argument "--remote-debugging-port=9222" from a job/);
});

test("the job sees nothing of the browser's processes and files, and nests no namespaces", async () => {
    const seen = await t.result("surroundings");
    assert.ok(seen.commands.some((command) => command.includes("slot.mjs")));
    assert.deepEqual(
        seen.commands.filter((command) => /--type=|impresario cdp/.test(command)),
        [],
    );
    assert.notEqual(seen.nested, 0);
    assert.deepEqual(seen.chromium, ["chromium"]);
    assert.ok(seen.tool < 100_000_000);
    assert.deepEqual(seen.shm, []);
});

test("a page opens no file of the browser's box, and the error says what to do", async () => {
    assert.match(await t.result("file"), /the browser has no files of the job's: use page\.setContent/);
});

test("a browser that ends is told in the first line of the error", async () => {
    const job = await t.run("crash");
    assert.equal(job.status, "failed");
    assert.match(job.error, /^The browser ended while the workflow ran\n/);
});
