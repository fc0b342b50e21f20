// SPDX-License-Identifier: Apache-2.0
//
// Whole runs in a real Chromium with its sandbox on.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { writeStandIn } from "../lib/standin.mjs";
import { bootstrapArtifact } from "./support/bootstrap.mjs";
import { makeBox, openSlot, runWorkflow } from "./support/box.mjs";

const boxes = [];
let site;
let origin;

before(async () => {
    site = createServer((request, response) => {
        response.setHeader("content-type", "text/html");
        response.end(`<title>site</title><h1>${request.url}</h1>`);
    });
    await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${site.address().port}`;
});
after(() => {
    site.closeAllConnections();
    site.close();
    boxes.forEach((box) => box.remove());
});

function box(source, more = {}) {
    const imports = 'import { workflow, z, pause, downloadViaClick } from "impresario";\n';
    boxes.push(
        makeBox({ "package.json": '{ "type": "module" }', "index.ts": imports + source, ...more }),
    );
    return boxes.at(-1);
}

/** Runs a handler's body as the workflow "w". */
const handle = (body, assignment = {}, options = "") =>
    runWorkflow(
        box(
            `export default workflow("w", { ${options} }, async ({ page, session, logger }, input) => { ${body} });`,
        ),
        "w",
        assignment,
    );

function succeeded(ran) {
    assert.equal(ran.last.t, "result", JSON.stringify({ ...ran.last, screenshot: null }));
    return ran.last.result;
}

function failed(ran, kind) {
    assert.equal(ran.last.t, "error", JSON.stringify(ran.last));
    assert.equal(ran.last.kind, kind, ran.last.error);
    assert.doesNotMatch(`${ran.last.error}\n${ran.last.stack}`, /\/(work|tmp|opt)\//);
    return ran.last;
}

const messages = (ran, level) =>
    ran.logs.filter((line) => line.level === level).map((line) => line.message);

test("a slot is ready with a real page, and a run tells its milestones", async () => {
    const ran = await handle("return { url: page.url(), session, keys: Object.keys(input) };");
    assert.deepEqual(succeeded(ran), { url: "about:blank", session: "job-1", keys: [] });
    assert.deepEqual(ran.phases, ["page_opened", "handler_started", "handler_returned"]);
    assert.ok(ran.ready.node_ms > 0 && ran.ready.browser_ms > 0);
});

test("Chromium runs with its own sandbox on", async () => {
    const ran = await handle('await page.goto("chrome://sandbox"); return page.innerText("body");');
    assert.match(succeeded(ran), /You are adequately sandboxed/);
});

test("acceptance 1: the handler sees parsed input with defaults and only declared credentials", async () => {
    const ran = await handle(
        "return input;",
        { params: { extra: 1, credentials: { other: "o" } }, credentials: { user: "ulysses" } },
        'input: z.object({ n: z.number().default(7) }), credentials: ["user"]',
    );
    assert.deepEqual(succeeded(ran), { n: 7, credentials: { user: "ulysses" } });
});

test("acceptance 2: pause() does nothing", async () => {
    assert.equal(succeeded(await handle('await pause(session); return "went on";')), "went on");
});

test("acceptance 3: the page is at startUrl when the handler starts", async () => {
    const ran = await handle("return page.url();", { start_url: `${origin}/start` });
    assert.equal(succeeded(ran), `${origin}/start`);
});

test("acceptance 4: callbacks compiled with kept names work in the page, before and after a navigation", async () => {
    const ran = await handle(`
        const count = () => page.evaluate('(() => { const f = __name(() => 2, "f"); return f(); })()');
        const before = await count();
        await page.goto("${origin}");
        return [before, await count()];`);
    assert.deepEqual(succeeded(ran), [2, 2]);
});

test("acceptance 5: a download is read", async () => {
    const ran = await handle(`
        await page.setContent('<a id="d" download="note.txt" href="data:text/plain,contents">get</a>');
        const { buffer, filename } = await downloadViaClick(page, "#d");
        return [filename, buffer.toString()];`);
    assert.deepEqual(succeeded(ran), ["note.txt", "contents"]);
});

test("acceptance 6: a thrown error shows the author's file and line, with screenshot and page", async () => {
    const ran = await runWorkflow(
        box('import { fill } from "./src/fill";\nexport default workflow("w", fill);', {
            "src/fill.ts": [
                "interface Row { n: number }",
                "class PortalError extends Error {}",
                "",
                "export async function fill({ page }: any): Promise<Row> {",
                '    await page.setContent("<p>evidence</p>");',
                '    throw new PortalError("no such row", { cause: new Error("because") });',
                "}",
            ].join("\n"),
        }),
        "w",
    );
    const { error, stack, screenshot, html } = failed(ran, "handler");
    assert.equal(error, "PortalError: no such row");
    assert.match(
        stack,
        /^PortalError: no such row\n {4}at .*\(src\/fill\.ts:6:11\)\nCaused by: because\n/,
    );
    assert.deepEqual(Buffer.from(screenshot, "base64").subarray(1, 4).toString(), "PNG");
    assert.match(html, /<p>evidence<\/p>/);
});

test("acceptance 6, bootstrap: the line comes from the shared sources", async () => {
    const files = bootstrapArtifact({
        modules: {
            "src/fill.ts": 'function fill() {\n  throw new RangeError("too far");\n}',
            "index.ts": `const run = async () => fill();\nexports.w = { name: "w", run };`,
        },
        workflows: [{ name: "w", sourceFiles: ["index.ts", "src/fill.ts"] }],
    });
    boxes.push(makeBox(files));
    const { stack } = failed(
        await runWorkflow(boxes.at(-1), "w", { entry: "index.js" }),
        "handler",
    );
    assert.equal(
        stack,
        "RangeError: too far\n    at fill (src/fill.ts:3)\n    at Object.run (index.ts:2)",
    );
});

test("acceptance 8: __libretto never reaches the handler", async () => {
    const ran = await handle("return Object.keys(input);", {
        params: { a: 1 },
        job_auth: { apiUrl: "http://x", token: "t", jobId: "j" },
    });
    assert.deepEqual(succeeded(ran), ["a"]);
});

test("acceptance 9: process.exit(0) fails the job", async () => {
    const ran = await handle('console.log("going"); process.exit(0);');
    assert.equal(failed(ran, "exit").error, "The workflow exited before it finished (exit code 0)");
    assert.deepEqual(messages(ran, "info"), ["going"]);
});

test("acceptance 10: console calls and raw writes become entries with levels", async () => {
    const ran = await handle(`
        console.log("two\\nlines %d", 1, { a: [1] }); console.info("info"); console.debug("debug");
        console.warn("careful"); console.error("broken"); console.assert(false, "assert");
        console.group("g"); console.log("inside"); console.groupEnd();
        process.stdout.write("raw one\\nraw "); process.stdout.write(Buffer.from("two\\nrest"));
        process.stderr.write("raw err\\n"); logger.warn("event", { n: 1 });`);
    succeeded(ran);
    assert.deepEqual(messages(ran, "info"), [
        "two\nlines 1 { a: [ 1 ] }",
        "info",
        "debug",
        "g",
        "  inside",
        "raw one",
        "raw two",
        "rest",
    ]);
    assert.deepEqual(messages(ran, "warn"), [
        "careful",
        "Assertion failed: assert",
        "event { n: 1 }",
    ]);
    assert.deepEqual(messages(ran, "error"), ["broken", "raw err"]);
});

test("acceptance 11: undefined gives a null result", async () => {
    assert.equal(succeeded(await handle("")), null);
});

test("acceptance 12: a declared credential that is not stored leaves a warning", async () => {
    const ran = await handle(
        "return input;",
        { declared_missing: ["pass"] },
        'credentials: ["pass"]',
    );
    assert.deepEqual(succeeded(ran), { credentials: {} });
    assert.match(messages(ran, "warn")[0], /"pass", which is not stored/);
});

test("a bootstrap of the generation that requires libretto runs on the stand-in", async () => {
    const files = bootstrapArtifact({
        modules: {
            "index.ts":
                'const { workflow } = require("libretto");\n' +
                'exports.a = workflow("a", async () => "ran");',
        },
        workflows: [{ name: "a" }],
        dependencies: { libretto: "^0.1" },
        imports: 'import { workflow } from "libretto";',
        stripsJobAuth: false,
    });
    boxes.push(makeBox(files));
    writeStandIn(`${boxes.at(-1).work}/node_modules`);
    assert.equal(succeeded(await runWorkflow(boxes.at(-1), "a", { entry: "index.js" })), "ran");
});

test("input that the schema refuses fails with the runtime's message, before the handler", async () => {
    const ran = await handle(
        'console.log("never");',
        { params: { n: "x" } },
        "input: z.object({ n: z.number() })",
    );
    const { error, screenshot } = failed(ran, "input");
    assert.match(error, /^LibrettoWorkflowInputError: Invalid input for workflow "w":\n {2}- n: /);
    assert.equal(screenshot, null);
    assert.deepEqual(ran.logs, []);
});

test("a start URL that cannot be opened is a setup failure that names it", async () => {
    const ran = await handle("return 1;", { start_url: "http://127.0.0.1:1/gone" });
    assert.match(
        failed(ran, "setup").error,
        /^The start URL "http:\/\/127\.0\.0\.1:1\/gone" could not be opened: /,
    );
});

test("credentials are redacted from logs, errors, stacks and pages", async () => {
    const secret = "s3cr&t<value>";
    const ran = await handle(
        `const { pass } = input.credentials;
         console.log("pass", pass, { pass }, Buffer.from(pass).toString("base64"));
         process.stdout.write(pass + "\\n");
         await page.setContent("<input>"); await page.evaluate((p) => { document.body.append(p); }, pass);
         throw new Error("refused " + encodeURIComponent(pass));`,
        { credentials: { pass: secret } },
        'credentials: ["pass"]',
    );
    failed(ran, "handler");
    const kept = JSON.stringify(ran.frames.map((frame) => ({ ...frame, screenshot: null })));
    assert.doesNotMatch(kept, /s3cr|czNjcg/);
    assert.match(ran.last.error, /^refused \[redacted\]$/);
    assert.match(ran.last.html, /\[redacted\]/);
});

test("an exception in a timer fails the job; a rejection that nobody handles does not", async () => {
    const timer = await handle(
        'setTimeout(() => { throw new Error("from a timer"); }, 0); await page.waitForTimeout(60000);',
    );
    assert.match(failed(timer, "handler").error, /^from a timer\nthrown outside of the handler/);

    const lonely = await handle(
        'Promise.reject(new Error("lonely")); await page.title(); return "fine";',
    );
    assert.equal(succeeded(lonely), "fine");
    assert.match(
        messages(lonely, "error")[0],
        /^Unhandled promise rejection: lonely\n {4}at .*index\.ts:2:/,
    );
});

test("a browser that ends is told as the cause", async () => {
    const ran = await handle("await page.context().browser().close(); await page.title();");
    assert.match(failed(ran, "handler").error, /^The browser ended while the workflow ran\n/);
});

test("a result that JSON cannot carry fails with a sentence", async () => {
    assert.match(failed(await handle("return { n: 1n };"), "result").error, /it holds a BigInt/);
});

test("odd things that are thrown are shown as they are", async () => {
    assert.equal(failed(await handle('throw "just a string";'), "handler").error, "just a string");
    assert.equal(failed(await handle("throw { code: 5 };"), "handler").error, "{ code: 5 }");
});

test("the page has a desktop viewport, our user agent and no sign of automation", async () => {
    const ask =
        "return page.evaluate(() => [innerWidth, innerHeight, navigator.webdriver, navigator.userAgent]);";
    const [width, height, webdriver, agent] = succeeded(await handle(ask));
    assert.deepEqual([width, height, webdriver], [1366, 768, false]);
    assert.match(agent, /Chrome\/\d+\.0\.0\.0/);
    assert.doesNotMatch(agent, /Headless/);

    const small = await handle("return page.evaluate(() => [innerWidth, innerHeight]);", {
        viewport: { width: 640, height: 480 },
    });
    assert.deepEqual(succeeded(small), [640, 480]);
});

test("the author's Playwright is the runner's own, so its error classes are the same", async () => {
    const ran = await runWorkflow(
        box(`import { errors } from "playwright";
            export default workflow("w", async ({ page }) => {
                try { await page.click("#never", { timeout: 50 }); } catch (error) { return error instanceof errors.TimeoutError; }
            });`),
        "w",
    );
    assert.equal(succeeded(ran), true);
});

test("whoever requires or imports Playwright, in any way, gets the same one with all its names", async () => {
    const ran = await runWorkflow(
        box(`import { createRequire } from "node:module";
            import playwright, * as all from "playwright";
            import core, * as names from "playwright-core";
            const require = createRequire(import.meta.url);
            export default workflow("w", async () => [
                playwright === core && playwright === require("playwright") && core === require("playwright-core"),
                Object.keys(all).filter((name) => name === "default" ? false : all[name] !== playwright[name] || names[name] !== playwright[name]),
                Object.keys(all).includes("chromium"),
            ]);`),
        "w",
    );
    assert.deepEqual(succeeded(ran), [true, [], true]);
});

test("a slot whose server goes away ends by itself", async () => {
    boxes.push(makeBox({ "package.json": "{}" }));
    const slot = await openSlot(boxes.at(-1));
    await slot.leave();
});

test("a slot whose browser ends before its job comes says so and ends", async () => {
    boxes.push(makeBox({ "package.json": "{}" }));
    const slot = await openSlot(boxes.at(-1));
    process.kill(browserOf(slot.pid), "SIGKILL");

    const last = await slot.lastWords();
    assert.equal(last.kind, "setup");
    assert.match(last.error, /browser ended before a job came/);
});

/** The process that runs Chromium, among the descendants of a box. */
function browserOf(pid) {
    for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
        .trim()
        .split(" ")) {
        if (child === "") continue;
        if (readFileSync(`/proc/${child}/cmdline`, "utf8").startsWith("/usr/lib/chromium/chromium"))
            return Number(child);
        const below = browserOf(child);
        if (below !== undefined) return below;
    }
    return undefined;
}
