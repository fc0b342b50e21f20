// SPDX-License-Identifier: Apache-2.0
/**
 * What is JSON (RFC 8259) and what is not, told by both readers of bodies: the one that has all of a body,
 * and the one that scans an upload as it streams. Each case stands as a member beside a good `json`.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { sharedServer } from "../support/server.mjs";

const server = await sharedServer();
const key = await server.key("json");

const EMPTY = gzipSync("").toString("base64");
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part, typeof part === "string" ? "utf8" : undefined)));
const around = (open, parts, close) => parts.map((part) => open + part + close);

const VALUES = [
    // words, and space around them
    ..."null true false".split(" "),
    ...around("", ["\t", "\n", "\r", " ", "\r\n\t "], "null"),
    ...around("null", ["\t", "\n", "\r", " "], ""),
    // numbers
    ..."0 -0 1 -1 10 123 -123 9007199254740993 0.5 -0.5 1.5 10.01 0.0 0e0 0e+1 0E-1 1e1 1E1 1e+2 1E-2 1e02 12.5e-3 0.00000000000000000000000000001 5e-324 123123.123e-10 123456789012345678901234567890 -18446744073709551616".split(" "),
    // strings
    '""', '"a"', '" "', '"\\""', '"\\\\"', '"\\/"', '"/"', '"\\b\\f\\n\\r\\t"', '"\\u0041"', '"\\u00e9"', '"\\uABCD"', '"\\uabcd"',
    '"\\ud83d\\ude00"', '"\\uDBFF\\uDFFF"', '"\\u0012"', '"\\u007f"', '"\u007f"', '"\u00e9"', '"\u20ac"', '"\u{1f600}"', '"\u{10ffff}"', '"\u2028\u2029"',
    '"\ufeff"', '"\uffff"', '"\\uFFFE"', '"\\uFDD0"', '"asd #/*comment*/"', '"\\\\u0000"', '"\\\\a"', '"\'"', '"\\u0061\\u30af\\u30EA"', '"[]{},:"',
    // arrays
    "[]", "[ ]", "[\n]", "[1]", "[1,2]", "[1, 2 , 3]", "[null,1,\"1\",{}]", "[[]]", "[[],[]]", "[\"\"]", "[[[[[1]]]]]", "[-0,1e1]", "\n[1\n,1]",
    // objects
    "{}", "{ }", '{"":0}', '{"a":1}', '{"a":1,"b":2}', '{"a":{"b":[]}}', '{ "a" : 1 }', '{\n"a":\t1\r}',
    '{"\\u0061":1}', '{"\\"":1}', '{"min":-1.0e+28,"max":1.0e+28}', '{"a":[]}', '{"x":[{"id":"xxx"}],"id":"yyy"}', '{"\u00e9":1}', '{"json":{"json":1}}',
];

const NOT = [
    // words
    ..."nul nulll tru truee fals True NULL nan NaN Infinity -Infinity undefined None a * . - + # ' ` \\ & <null> null0 truefalse".split(" "),
    // numbers
    ..."+1 ++1 -+1 01 -01 00 0x1 0X1F 1_000 .5 -.5 1. 1.e1 -1. 0.e1 1e 1e+ 1E- 1e1.5 1ee1 0e 0e+ 1.5e 1.5e+ --1 - -a 1a 1,2 2.3.4 1+2 1-1 1e1e1 0xA 1f ١ １ 1\u200b".split(" "),
    "1 000", "- 1", "1 e1", "1. 5",
    // strings
    '"', '"a', '\\"a"', "'a'", '"a""b"', '"\\', '"\\"', '"\\a"', '"\\x41"', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"', '"\\u12g4"', '"\\u+123"', '"\\u 123"', '"\\U0041"',
    '"\\0"', '"\\\'"', '"\\v"', '"\\ "', '"\\\n"', '"\\{[', "\u201ca\u201d", '"a\tb"', '"a\nb"', '"a\rb"', '"a\bb"', '"\u0001"', '"\u001f"', '"a\u0000b"', "abc", '"a" b', '"\\u{41}"', '"\\ud83d\\u"',
    // arrays
    "[", "]", "[]]", "[[]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", '[1:2]', '["a" "b"]', '["a":1]', "[1;2]", "(1)", "[1}", "[true false]", "[*]", "[<null>]", "[a", "[1,\n1\n,1", "[\f]", "[\u00a0]", "[\v1]", "[\u20601]", "[1\u2028]", "[][]", "[1]x", "[1]]",
    "[1/* c */]", "[1 // c\n]", "[1 # c\n]", "[.1]", "[-]", "[+1]", "[1,...[2]]",
    // objects
    "{", "}", "{}}", "{{}}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{[1]:1}", '{"a"}', '{"a":}', '{"a" 1}', '{"a",1}', '{"a":1', '{"a":1,', '{"a":1,}', '{,"a":1}', '{"a":1,,"b":2}', '{"a":1 "b":2}', '{"a":1;"b":2}',
    '{"a":1]', '{"a":1}}', '{"a"::1}', '{"a":1:2}', '{:1}', '{"a":a}', "{a:'b'}", '{"a":/* c */1}', '{"a":1}/**/', '{"a":1}//', '{"a":1}#', '{"a', '{"a":"', '{"a":"b', '{"a"=>1}', '{"\\u00":1}', '{"a\nb":1}', '{\ufeff"a":1}', '{"a":1}{"b":2}', '{"a":1}x', '{"a":1},',
    // nothing, and space that is none
    "", " ", "\f1", "\u00a01", "\ufeff1", "1\u00a0", "\u30001", "\u0000", "1\u0000",
];

/** Not UTF-8: in a string, in a key, and between the values. */
const NOT_TEXT = [
    [0xff], [0x80], [0xc3, 0x28], [0xc0, 0xaf], [0xc1, 0xbf], [0xe0, 0x80, 0xaf], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf],
    [0xe2, 0x82], [0xf0, 0x80, 0x80, 0xaf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfe], [0xf0, 0x9f, 0x98],
].flatMap((wrong) => [bytes('"', wrong, '"'), bytes('{"', wrong, '":1}'), bytes(wrong), bytes("[", wrong, "]")]);

/** JSON, and refused with a reason all the same: texts are kept as C has them, and halves of pairs are no text. */
const REFUSED = ['"\\u0000"', '"a\\u0000b"', '{"a\\u0000b":1}', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\ude00\\ud83d"', "1e400", "-1e400", "[".repeat(100) + "]".repeat(100)];

/** JSON by its grammar, and unclear: the last one counts, but an upload is refused. */
const TWICE = ['{"a":"b","a":"c"}', '{"a":"b","a":"b"}', '[{"a":1,"b":{},"\\u0061":2}]'];

async function post(route, body) {
    const response = await fetch(`${server.url}/v1/${route}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": key },
        body,
    });
    return { status: response.status, error: (await response.json()).json };
}

/** Whether each reader took a body with `text` in it, in front of what it wants and behind it. */
const READERS = {
    async "the reader of whole bodies"(text) {
        const answers = [
            await post("jobs/list", bytes('{"other":', text, ',"json":{}}')),
            await post("jobs/list", bytes('{"json":{},"other":', text, "}")),
        ];
        return answers.map(({ status, error }) => status === 200 || (assert.equal(status, 400), error.message));
    },
    // The entry point is looked at last, when all of the JSON around the source was read.
    async "the scanner of uploads"(text) {
        const good = `"json":{"entry_point":"../x","source":"${EMPTY}"}`;
        const answers = [
            await post("deployments/create", bytes('{"other":', text, `,${good}}`)),
            await post("deployments/create", bytes(`{${good},"other":`, text, "}")),
        ];
        return answers.map(({ status, error }) => (assert.equal(status, 400), /entry_point/.test(error.message) || error.message));
    },
};

/** What the language says, where a text can be one. */
function isJson(text) {
    try {
        JSON.parse(text);
        return true;
    } catch {
        return false;
    }
}

for (const [reader, read] of Object.entries(READERS)) {
    test(`${reader} takes what is JSON`, async () => {
        for (const text of VALUES) {
            assert.ok(isJson(text), `${JSON.stringify(text)} is no case for this list`);
            assert.deepEqual(await read(text), [true, true], JSON.stringify(text));
        }
    });

    test(`${reader} refuses what is not, and says so`, async () => {
        for (const text of NOT) {
            assert.ok(!isJson(text), `${JSON.stringify(text)} is no case for this list`);
            for (const said of await read(text)) assert.match(String(said), /JSON/, JSON.stringify(text));
        }
        for (const text of NOT_TEXT) {
            for (const said of await read(text)) assert.match(String(said), /JSON/, text.toString("hex"));
        }
    });

    test(`${reader} refuses what no program of ours could keep`, async () => {
        for (const text of REFUSED) {
            assert.ok(isJson(text));
            for (const said of await read(text)) assert.match(String(said), /JSON/, JSON.stringify(text).slice(0, 80));
        }
    });
}

test("of a key that stands twice the last one counts, and an upload with it is refused", async () => {
    for (const text of TWICE) {
        assert.ok(isJson(text));
        const [whole, upload] = await Promise.all(Object.values(READERS).map((read) => read(text)));
        assert.deepEqual(whole, [true, true]);
        for (const said of upload) assert.match(String(said), /not valid JSON: duplicate object key/, text);
    }
});

test("the cases are as many as they were", () => {
    assert.ok(VALUES.length + TWICE.length >= 95 && NOT.length + NOT_TEXT.length >= 188, `${VALUES.length + TWICE.length}, ${NOT.length + NOT_TEXT.length}`);
});
