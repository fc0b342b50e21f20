// SPDX-License-Identifier: Apache-2.0
/**
 * What the product connects to when it is told to go where it may not. The world around is one of its own
 * (../hostile/outside.mjs), which only root can make; as another user there is nothing to see here.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";

const at = (name) => fileURLToPath(new URL(`../hostile/${name}.mjs`, import.meta.url));
/** Fewer were ever asked for than these, at the places that take any address. */
const AT_LEAST = 300;
const OPEN = ["http://10.99.0.7/", "http://45.45.45.45/", "http://public.test/"];
/** That something does answer, at the places which tell. */
const answers = {
    "a job's fetch": OPEN,
    "a job's redirected fetch": [],
    "a job's sockets": ["public.test:80"],
    "a job's page": OPEN,
    "a job's redirected page": [],
    "the hands of a model": OPEN,
};

async function results() {
    const { IMPRESARIO_TEST_SERVER: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
    const child = spawn("unshare", ["--net", "--mount", process.execPath, at("outside"), at("everywhere")], {
        env,
        stdio: ["ignore", "pipe", "inherit"],
    });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.stdout.setEncoding("utf8");
    let out = "";
    child.stdout.on("data", (text) => (out += text));
    const [code] = await once(child, "close");
    process.off("exit", kill);
    assert.equal(code, 0, out);
    return JSON.parse(out.trim().split("\n").at(-1));
}

if (process.getuid() === 0) {
    const all = await results();
    const ANY = [
        "a job's fetch",
        "a job's redirected fetch",
        "a job's sockets",
        "a job's page",
        "what a page loads",
        "the hands of a model",
    ];

    for (const [place, { tried, answered, public: open, other }] of Object.entries(all)) {
        test(`${place} reaches nothing that it may not, and the rest`, () => {
            // What the operator allowed may be there.
            assert.deepEqual(other.filter((where) => where !== "10.99.0.7:80"), []);
            assert.ok(open, "not even the public site was reached");
            if (ANY.includes(place)) assert.ok(tried >= AT_LEAST, `${tried} tried`);
            if (answers[place]) assert.deepEqual(answered, answers[place], "what answers");
        });
    }

    test("every step of a model went through its whole list", () => {
        assert.deepEqual(all["the hands of a model"].unfinished, []);
    });

    test("a package is not fetched from where nothing may be reached, nor taken from elsewhere", () => {
        for (const error of all["an install"].errors)
            assert.match(error, /may not be reached: |its bytes do not have the digest|is downloaded from a URL, not from a registry/);
    });

    test("an API of a model that leads elsewhere is told as what it is", () => {
        assert.match(all["the calls of the model"].error, /307.*not followed.*model_base_url/);
    });

    test("every place was looked at", () => {
        assert.ok(ANY.every((place) => place in all) && Object.keys(all).length === 12, Object.keys(all).join());
    });
}
