// SPDX-License-Identifier: Apache-2.0
/** Archives that nobody wrote in good faith: each ends in a clear word, and touches nothing outside. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { createGzip, gzipSync } from "node:zlib";
import { oneWorkflow } from "../support/artifact.mjs";
import { entry, pax, sourceOf, tar, TYPE } from "../support/tar.mjs";
import { Tenant } from "../support/tenant.mjs";

const t = await Tenant.make("hostile");
const MANIFEST = { name: "package.json", data: '{"name":"x","type":"module"}' };
const INDEX = {
    name: "index.ts",
    data: 'import { workflow } from "impresario";\nexport default workflow("hostile-host", async () => 1);\n',
};
const GOOD = [MANIFEST, INDEX];

/** The error of a build of these tar entries. */
const errorOf = (entries) => t.buildError({ source: sourceOf(entries) });

const ESCAPES = {
    "an absolute path": [{ name: "/tmp/impresario-escaped", data: "x" }, "/tmp/impresario-escaped"],
    "a path with ..": [{ name: "../../tmp/impresario-escaped", data: "x" }, "impresario-escaped"],
    "a path with .. in its middle": [{ name: "a/../../impresario-escaped", data: "x" }, "impresario-escaped"],
    "a symbolic link to an absolute path": [{ name: "link", type: TYPE.symlink, link: "/etc/passwd" }, "link"],
    "a symbolic link that leaves the tree": [
        { name: "a/link", type: TYPE.symlink, link: "../../outside" },
        "a/link",
    ],
    "a hard link to outside": [{ name: "hard", type: TYPE.hardLink, link: "/etc/passwd" }, "hard"],
    "a hard link with ..": [{ name: "hard", type: TYPE.hardLink, link: "../outside" }, "hard"],
    "a character device": [{ name: "null", type: TYPE.charDevice }, "null"],
    "a block device": [{ name: "disk", type: TYPE.blockDevice }, "disk"],
    "a FIFO": [{ name: "pipe", type: TYPE.fifo }, "pipe"],
    "a set-user-id file": [{ name: "suid", data: "#!/bin/sh\n", mode: 0o4755 }, "suid"],
    "a set-group-id file": [{ name: "sgid", data: "#!/bin/sh\n", mode: 0o2755 }, "sgid"],
};
for (const [what, [hostile, named]] of Object.entries(ESCAPES)) {
    test(`${what} fails and is named`, async () => {
        const error = await errorOf([...GOOD, hostile]);
        assert.ok(error.includes(named), error);
        assert.ok(!existsSync("/tmp/impresario-escaped"));
    });
}

test("a file below a symbolic link of the archive stays inside", async () => {
    const error = await errorOf([
        ...GOOD,
        { name: "door", type: TYPE.symlink, link: "/tmp" },
        { name: "door/impresario-escaped", data: "x" },
    ]);
    assert.match(error, /door/);
    assert.ok(!existsSync("/tmp/impresario-escaped"));
});

test("a pax path that escapes is a path that escapes", async () => {
    assert.match(
        await errorOf([...GOOD, pax({ path: "../impresario-escaped" }), { name: "harmless", data: "x" }]),
        /impresario-escaped/,
    );
});

test("a link under .libretto-share is skipped with a note", async () => {
    const { id } = await t.deploy({
        source: sourceOf([
            ...GOOD,
            { name: ".libretto-share/source/x.ts", type: TYPE.symlink, link: "/home/someone/x.ts" },
        ]),
    });
    assert.match(await t.buildLog(id), /x\.ts/);
});

test("the same path twice fails and is named", async () => {
    assert.match(await errorOf([...GOOD, INDEX]), /index\.ts/);
});

test("paths equal but for case fail, both named", async () => {
    const error = await errorOf([
        ...GOOD,
        { name: "lib/Util.ts", data: "" },
        { name: "lib/util.ts", data: "" },
    ]);
    assert.match(error, /lib\/Util\.ts/);
    assert.match(error, /lib\/util\.ts/);
});

test("paths equal but for their Unicode form fail", async () => {
    const error = await errorOf([
        ...GOOD,
        { name: "caf\u00e9.ts", data: "" },
        { name: "cafe\u0301.ts", data: "" },
    ]);
    assert.match(error, /caf/);
});

test("a name that is not UTF-8 fails", async () => {
    assert.match(
        await errorOf([...GOOD, { name: Buffer.from([0x61, 0xff, 0xfe, 0x62]), data: "x" }]),
        /UTF-8|name/i,
    );
});

test("a name with a control character fails or is harmless", async () => {
    const deployment = await t.build({ source: sourceOf([...GOOD, { name: "a\nb.txt", data: "x" }]) });
    assert.ok(["ready", "failed"].includes(deployment.status));
});

test("a path longer than the limit fails", async () => {
    const long = Array.from({ length: 30 }, () => "d".repeat(40)).join("/");
    assert.match(
        await errorOf([...GOOD, pax({ path: `${long}/x.ts` }), { name: "x.ts", data: "" }]),
        /1024|long/i,
    );
});

// Damage

const whole = gzipSync(tar(GOOD));
const DAMAGED = {
    "a truncated gzip": whole.subarray(0, whole.length - 20),
    "a gzip cut in its middle": whole.subarray(0, whole.length / 2),
    "a gzip header and little else": whole.subarray(0, 30),
    "a gzip with a wrong checksum": Buffer.concat([
        whole.subarray(0, -8),
        Buffer.alloc(4, 0xaa),
        whole.subarray(-4),
    ]),
    "a truncated tar": gzipSync(tar(GOOD).subarray(0, 700)),
    "a wrong checksum of a header": gzipSync(
        Buffer.concat([entry({ ...MANIFEST, badChecksum: true }), tar([INDEX])]),
    ),
    "no tar at all": gzipSync(
        Buffer.from("this is text, and long enough to be taken for a header. ".repeat(40)),
    ),
    "a gzip bomb's first bytes": gzipSync(Buffer.alloc(100)),
};
for (const [what, bytes] of Object.entries(DAMAGED)) {
    test(`${what} fails as damaged or empty`, async () => {
        const error = await t.buildError({ source: Buffer.from(bytes).toString("base64") });
        assert.match(error, /damaged|truncated|checksum|not a tar|no files|empty|unrecognized/i);
    });
}

test("an empty tar holds no files", async () => {
    assert.match(await errorOf([]), /no files/i);
});

test("a header that claims more than there is", async () => {
    assert.match(
        await errorOf([...GOOD, { name: "big.bin", size: 0o77777777777, data: "x" }]),
        /damaged|truncated|big\.bin|more than 5\d+/i,
    );
});

// Bombs

const SIZE_LIMIT = /more than (512 MiB|536870912 bytes)/;

test("two gigabytes of zeros from two megabytes: the limit is named", async () => {
    const chunk = Buffer.alloc(4 << 20);
    const header = entry({ name: "zeros.bin", size: 2 ** 31 }).subarray(0, 512);
    const source = await gzipOf(function* () {
        yield tar(GOOD).subarray(0, -1024);
        yield header;
        for (let i = 0; i < 512; i++) yield chunk;
        yield Buffer.alloc(1024);
    });
    assert.match(await t.buildError({ source }), SIZE_LIMIT);
});

test("ten gigabytes that a sparse header claims: no disk is given", async () => {
    const sparse = {
        name: "sparse.bin",
        type: TYPE.sparse,
        size: 512,
        data: Buffer.alloc(512),
        patch: (header) => {
            header.write("ustar  \0", 257, "latin1");
            header.write("00000000000\x0000000001000\x00", 386, "latin1");
            header.write(`${(10 * 2 ** 30).toString(8).padStart(11, "0")}\0`, 483, "latin1");
        },
    };
    assert.match(await errorOf([...GOOD, sparse]), SIZE_LIMIT);
});

test("a million entries: the limit is named", async () => {
    const source = await gzipOf(function* () {
        yield tar(GOOD).subarray(0, -1024);
        const one = entry({ name: "f/0000000" });
        for (let i = 0; i < 1000; i++) {
            yield Buffer.concat(Array.from({ length: 1000 }, (_, k) => numbered(one, i * 1000 + k)));
        }
        yield Buffer.alloc(1024);
    });
    assert.match(await t.buildError({ source }), /20[ ,']?000|entries|files/i);
});

test("folders a thousand deep", async () => {
    const deep = pax({ path: `${"d/".repeat(5000)}x` });
    const { status } = await t.build({ source: sourceOf([...GOOD, deep, { name: "x", data: "" }]) });
    assert.equal(status, "failed");
});

test("a pax header of megabytes", async () => {
    const { status } = await t.build({
        source: sourceOf([...GOOD, pax({ comment: "c".repeat(30 << 20) }), { name: "x", data: "" }]),
    });
    assert.ok(status === "failed" || status === "ready");
});

// Manifests

test("no package.json: the names at the top are listed", async () => {
    const error = await errorOf([INDEX, { name: "lib/a.ts", data: "" }]);
    assert.match(error, /package\.json/);
    assert.match(error, /index\.ts/);
    assert.match(error, /lib/);
});

for (const [what, data] of Object.entries({
    "no JSON": "{nonsense",
    "no object": "[1]",
    null: "null",
    empty: "",
})) {
    test(`a package.json that is ${what}`, async () => {
        assert.match(await errorOf([{ name: "package.json", data }, INDEX]), /package\.json/);
    });
}

test("dependencies that are no object, or whose specs are no text", async () => {
    for (const dependencies of [
        [],
        "x",
        { lodash: 4 },
        { "../evil": "1.0.0" },
        { "-g": "1" },
        { lodash: "--ignore-scripts=false" },
    ]) {
        const { status } = await t.build({
            source: sourceOf([{ name: "package.json", data: JSON.stringify({ dependencies }) }, INDEX]),
        });
        assert.equal(status, "failed", JSON.stringify(dependencies));
    }
});

test("a missing entry: similar files are named", async () => {
    const error = await t.buildError({
        source: sourceOf([MANIFEST, { name: "index.js", data: "" }]),
        entry_point: "index.ts",
    });
    assert.match(error, /index\.ts/);
    assert.match(error, /index\.js/);
});

test("an entry that is a folder", async () => {
    assert.match(
        await t.buildError({ source: sourceOf([MANIFEST, { name: "index.ts/x.ts", data: "" }]) }),
        /index\.ts/,
    );
});

test("a list of workflows that is too large or no JSON does not stop the server", async () => {
    for (const data of ["{", "[]", '{"workflows":7}', " ".repeat(3 << 20)]) {
        const { status } = await t.build({
            source: sourceOf([...GOOD, { name: ".libretto-workflows.json", data }]),
        });
        assert.ok(["ready", "failed"].includes(status));
    }
});

test("after all this an honest bundle is built and runs", async () => {
    await t.deploy(oneWorkflow("honest", "return 42;"));
    assert.equal(await t.result("honest"), 42);
});

/** base64 of the gzip of what `parts` yields, without holding it. */
async function gzipOf(parts) {
    const gzip = createGzip({ level: 1 });
    const out = [];
    gzip.on("data", (chunk) => out.push(chunk));
    for (const part of parts()) {
        if (!gzip.write(part)) await new Promise((resolve) => gzip.once("drain", resolve));
    }
    gzip.end();
    await new Promise((resolve) => gzip.once("end", resolve));
    return Buffer.concat(out).toString("base64");
}

/** A copy of a header under another number, with its checksum put right. */
function numbered(header, n) {
    const copy = Buffer.from(header);
    copy.write(String(n).padStart(7, "0"), 2);
    copy.fill(" ", 148, 156);
    copy.write(
        copy
            .reduce((sum, byte) => sum + byte, 0)
            .toString(8)
            .padStart(6, "0") + "\0 ",
        148,
        "latin1",
    );
    return copy;
}
