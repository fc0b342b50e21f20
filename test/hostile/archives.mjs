// SPDX-License-Identifier: Apache-2.0
/**
 * A corpus of archives that nobody made in good faith, or that broke on their way. Each row says
 * what the server has to answer. Most ideas are those of the advisories on tar readers of the last
 * years: paths that leave, links that lead out, headers that lie about sizes, names that two
 * readers would read differently, and little input that unpacks to much.
 *
 * Whatever would land outside of its folder has MARK in its name, so that it can be looked for.
 */
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { entry, gnuLong, pax, tar, TYPE } from "../support/tar.mjs";

export const MARK = "impresario-escaped";

/** What a server is given for them: each archive gets its own answer within these, or breaks them. */
export const LIMITS = {
    IMPRESARIO_UNPACKED_MIB: "64",
    IMPRESARIO_ENTRIES: "20000",
    IMPRESARIO_BUILD_MEMORY_MIB: "256",
    IMPRESARIO_BUILD_SECONDS: "60",
};

const MANIFEST = { name: "package.json", data: '{"name":"x","type":"module"}' };
const INDEX = {
    name: "index.ts",
    data: 'import { workflow } from "impresario";\nexport default workflow("hostile", async () => 1);\n',
};
/** What makes a whole bundle of an archive, so that only the hostile part is wrong with it. */
export const GOOD = [MANIFEST, INDEX];

const file = (name, data = "x", more = {}) => ({ name, data, ...more });
const folder = (name) => ({ name, type: TYPE.directory });
const symlink = (name, link) => ({ name, type: TYPE.symlink, link });
const hardLink = (name, link) => ({ name, type: TYPE.hardLink, link });
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));

/** Rows of archives that begin with a whole bundle: [what, entries, what the build error says]. */
const ENTRIES = [
    // Paths that leave
    ["an absolute path", [file(`/tmp/${MARK}`)], /"\/tmp\/impresario-escaped" has an absolute path/],
    ["two slashes first", [file(`//tmp/${MARK}`)], /absolute path/],
    ["many slashes first", [file(`/////tmp/${MARK}`)], /absolute path/],
    ["the root itself", [file("/")], /absolute path/],
    ["an absolute folder", [folder(`/tmp/${MARK}`)], /absolute path/],
    ["one level up", [file(`../${MARK}`)], /"\.\.\/impresario-escaped" leads out of its folder/],
    ["many levels up", [file(`${"../".repeat(20)}tmp/${MARK}`)], /leads out of its folder/],
    [".. in the middle", [file(`a/../../${MARK}`)], /leads out of its folder/],
    [".. that stays inside is not trusted either", [file(`a/../${MARK}`)], /leads out of its folder/],
    [".. at the end", [folder("a/..")], /leads out of its folder/],
    [".. behind ./", [file(`./../${MARK}`)], /leads out of its folder/],
    [".. behind empty parts", [file(`a//..//..//${MARK}`)], /leads out of its folder/],
    [".. alone", [file("..")], /leads out of its folder/],
    ["a folder ..", [folder("..")], /leads out of its folder/],
    ["a folder ../", [folder("../")], /leads out of its folder/],
    ["no name", [file("")], /has no name/],
    ["a name that is not UTF-8", [file(bytes("a", [0xff, 0xfe], "b"))], /not UTF-8/],
    ["a name with an overlong slash", [file(bytes("a", [0xc0, 0xaf], "b"))], /not UTF-8/],
    ["a name with overlong dots", [file(bytes([0xc0, 0xae, 0xc0, 0xae], "/", MARK))], /not UTF-8/],
    ["a name with half of a surrogate pair", [file(bytes("a", [0xed, 0xa0, 0x80]))], /not UTF-8/],
    ["a name beyond Unicode", [file(bytes("a", [0xf4, 0x90, 0x80, 0x80]))], /not UTF-8/],
    ["a name cut within a letter", [file(bytes("caf", [0xc3]))], /not UTF-8/],
    ["a part of 256 bytes", [pax({ path: "n".repeat(256) }), file("x")], /more than 255 bytes/],
    ["a path of 1025 bytes", [pax({ path: `${"d".repeat(40)}/`.repeat(25) + "x" }), file("x")], /more than 1024 bytes/],
    ["a path five thousand folders deep", [pax({ path: `${"d/".repeat(5000)}x` }), file("x")], /more than 1024 bytes/],
    ["terminal commands in a path that leaves", [file(`a\n\x1b[2Jb/../../${MARK}`)], /\\x0a\\x1b\[2Jb/],

    // Names by other headers
    ["a pax path that is absolute", [pax({ path: `/tmp/${MARK}` }), file("harmless")], /absolute path/],
    ["a pax path that leaves", [pax({ path: `../${MARK}` }), file("harmless")], /leads out of its folder/],
    ["a pax path for a folder that leaves", [pax({ path: `../${MARK}` }), folder("harmless")], /leads out/],
    ["a pax path that is not UTF-8", [pax({ path: bytes("caf", [0xe9]) }), file("harmless")], /damaged/],
    ["a pax link target that is absolute", [pax({ linkpath: "/etc/passwd" }), symlink("l", "y")], /link out of the archive/],
    ["a pax hard link target that leaves", [pax({ linkpath: `../${MARK}` }), hardLink("l", "y")], /link out of the archive/],
    ["a pax size below zero", [pax({ size: "-5" }), file("x")], /damaged/],
    ["a pax size that overflows", [pax({ size: "99999999999999999999999" }), file("x")], /damaged/],
    ["a pax size beyond the limit", [pax({ size: "99999999999" }), file("x")], /more than 64 MiB/],
    ["a pax size beyond what there is", [pax({ size: "40000000" }), file("x")], /damaged/],
    ["a sparse name that leaves", [pax({ "GNU.sparse.name": `../${MARK}` }), file("x")], /leads out/],
    ["a long GNU name that leaves", [gnuLong(`../${MARK}`), file("x")], /leads out of its folder/],
    ["a long GNU name that is absolute", [gnuLong(`/tmp/${MARK}`), file("x")], /absolute path/],
    ["a long GNU link target that leaves", [gnuLong(`../${MARK}`, "K"), symlink("l", "y")], /link out of the archive/],
    ["a ustar prefix that is absolute", [file(MARK, "x", { patch: (h) => h.write("/tmp", 345) })], /absolute path/],
    ["a ustar prefix that leaves", [file(MARK, "x", { patch: (h) => h.write("..", 345) })], /leads out/],
    ["a pax record that is longer than its header", [paxText("9999 path=x\n"), file("x")], /damaged/],
    ["a pax record without a length", [paxText("path=x\n"), file("x")], /damaged/],
    ["a pax record of length zero", [paxText("0 path=x\n"), file("x")], /damaged/],
    ["a pax record without an end", [paxText("12 path=xxxxx"), file("x")], /damaged/],
    ["a pax record without a value", [paxText("7 path\n"), file("x")], /damaged/],
    ["a pax header with nothing behind it", [pax({ path: "x" })], /damaged/],
    ["a long GNU name with nothing behind it", [gnuLong("x")], /damaged/],

    // Links
    ["a link to an absolute path", [symlink("l", "/etc/passwd")], /"l" is a link out of the archive/],
    ["a link to the root", [symlink("l", "/")], /"l" is a link out of the archive/],
    ["a link to ..", [symlink("l", "..")], /"l" is a link out of the archive/],
    ["a link that leaves", [symlink("l", `../${MARK}`)], /"l" is a link out of the archive/],
    ["a link in a folder that leaves", [symlink("d/l", `../../${MARK}`)], /"d\/l" is a link out of the archive/],
    ["a link that leaves in its middle", [symlink("l", `a/../../${MARK}`)], /"l" is a link out of the archive/],
    ["a link to nothing", [symlink("l", "")], /"l" is a link whose target is empty/],
    ["a link whose target is not UTF-8", [{ name: "l", type: TYPE.symlink, patch: (h) => Buffer.from([0xe9]).copy(h, 157) }], /"l" is a link whose target is|damaged/],
    ["a link through another that leads up", [file("a/b/x"), symlink("a/b/up", "../.."), symlink("out", `a/b/up/../${MARK}`)], /"out" is a link that leads out of the archive through another/],
    ["the same in the other order", [file("a/b/x"), symlink("out", `a/b/up/../${MARK}`), symlink("a/b/up", "../..")], /"out" is a link that leads out of the archive through another/],
    ["a file below a link", [symlink("door", "/tmp"), file(`door/${MARK}`)], /door/],
    ["a file below a link that stays", [symlink("door", "lib"), folder("lib"), file(`door/${MARK}`)], /"door" is a link and a folder at once/],
    ["a link over a folder", [file("a/b"), symlink("a", "/tmp")], /"a"/],
    ["a link, then a file of its name", [symlink("a", "b"), file("a")], /"a" is a link and a file at once/],
    ["a link, then the same link", [symlink("a", "b"), symlink("a", "c")], /"a" is in the archive twice/],
    ["a hard link to an absolute path", [hardLink("h", "/etc/passwd")], /"h" is a hard link out of the archive/],
    ["a hard link that leaves", [hardLink("h", `../${MARK}`)], /"h" is a hard link out of the archive/],
    ["a hard link to what comes later", [hardLink("h", "later"), file("later")], /"h" is a hard link to what is no file before it/],
    ["a hard link to itself", [hardLink("h", "h")], /"h" is a hard link to what is no file before it/],
    ["a hard link to a folder", [folder("d"), hardLink("h", "d")], /"h" is a hard link to what is no file before it/],
    ["a hard link to a link", [symlink("s", "x"), hardLink("h", "s")], /"h" is a hard link to what is no file before it/],
    ["a hard link to a link that leaves", [symlink("s", "/etc/passwd"), hardLink("h", "s")], /link out of the archive/],
    ["a hard link through a link", [symlink("s", "d"), file("d/x"), hardLink("h", "s/x")], /"h" is a hard link to what is no file before it/],
    ["a hard link with data that leaves", [{ ...hardLink("h", `../${MARK}`), data: "x" }], /link out of the archive/],

    // Kinds
    ["a character device", [{ name: "null", type: TYPE.charDevice }], /"null" is a device; leave it out/],
    ["a block device", [{ name: "disk", type: TYPE.blockDevice }], /"disk" is a device; leave it out/],
    ["a named pipe", [{ name: "pipe", type: TYPE.fifo }], /"pipe" is a named pipe; leave it out/],
    ["a set-user-id file", [file("suid", "#!/bin/sh\n", { mode: 0o4755 })], /"suid" is a set-user-id or set-group-id file/],
    ["a set-group-id file", [file("sgid", "#!/bin/sh\n", { mode: 0o2755 })], /"sgid" is a set-user-id or set-group-id file/],
    ["a device by another name of its kind", [{ name: "dev/mem", type: TYPE.charDevice, patch: (h) => h.write("0000001\0", 329) }], /"dev\/mem" is a device/],

    // Two names for one place
    ["the same path twice", [file("a"), file("a")], /"a" is in the archive twice/],
    ["the entry of the bundle again", [INDEX], /"index.ts" is in the archive twice/],
    ["the manifest again", [MANIFEST], /"package.json" is in the archive twice/],
    ["the same path written differently", [file("a/b"), file("./a//b")], /"a\/b" is in the archive twice/],
    ["paths equal but for case", [file("lib/Util.ts"), file("lib/util.ts")], /"lib\/Util.ts" and "lib\/util.ts" differ only in case/],
    ["folders equal but for case", [file("Lib/x"), file("lib/y")], /"Lib" and "lib" differ only in case/],
    ["the manifest in capitals", [file("PACKAGE.JSON")], /differ only in case/],
    ["paths equal but for the form of a letter", [file("caf\u00e9.ts"), file("cafe\u0301.ts")], /Unicode form/],
    ["paths equal by case folding of \u00df", [file("stra\u00dfe"), file("STRASSE")], /differ only in case/],
    ["paths equal by a ligature", [file("\ufb01le"), file("file")], /differ only in case/],
    ["a file and a folder of one name", [file("a"), file("a/b")], /"a" is a file and a folder at once/],
    ["a folder and a file of one name", [file("a/b"), file("a")], /"a" is a folder and a file at once/],
    ["an empty folder and a file of one name", [folder("a"), file("a")], /"a" is a folder and a file at once/],
    ["a hard link equal to its file but for case", [file("a"), hardLink("A", "a")], /"a" and "A" differ only in case/],

    // Headers that lie
    ["a size far beyond the end", [file("big", "x", { size: 0o77777777777 })], /more than 64 MiB/],
    ["a size a little beyond the end", [file("big", "x", { size: 100_000 })], /damaged/],
    ["a size below zero", [file("neg", "x", { patch: (h) => h.fill(0xff, 124, 135) })], /damaged/],
    ["a size of 88 bits", [file("huge", "x", { patch: (h) => bytes([0x80], Buffer.alloc(11, 0xff)).copy(h, 124) })], /damaged/],
    ["a size that is no number", [file("nan", "x", { patch: (h) => h.write("zzzzzzzzzzz", 124) })], /damaged|"nan"/],
    ["a wrong checksum", [{ ...file("a"), badChecksum: true }], /damaged/],
    ["an unknown kind with a size beyond the end", [file("z", "x", { type: "Z", size: 9_000_000 })], /damaged/],
    ["a sparse file of ten gigabytes", [sparse(10 * 2 ** 30)], /more than 64 MiB/],
    ["a sparse file whose map lies behind its end", [sparse(4096, 2 ** 30)], /damaged|"sparse.bin"/],
    ["a sparse map that goes on and on", [endlessSparse()], /more than 4 MiB of headers/],
    ["ten gigabytes in a pax sparse map", [pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes", "GNU.sparse.realsize": "10000000000" }), file("x", bytes("1\n9999999999\n1\n", Buffer.alloc(498)))], /more than 64 MiB/],
    ["a pax header of thirty megabytes", [pax({ comment: "c".repeat(30 << 20) }), file("x")], /damaged|headers/],
    ["a long GNU name of eight megabytes", [gnuLong("n".repeat(8 << 20)), file("x")], /damaged|headers|1024 bytes/],
    ["pax headers without end", [...Array.from({ length: 20_000 }, () => pax({ comment: "x" })), file("x")], /damaged|headers/],
    ["long GNU names without end", [...Array.from({ length: 20_000 }, () => gnuLong("x")), file("x")], /damaged|headers/],
    ["twenty thousand entries and one", Array.from({ length: 20_000 }, (_, i) => file(`f/${i}`, "")), /more than 20000 entries/],
    ["ten thousand folders that none names", Array.from({ length: 7000 }, (_, i) => file(`a${i}/b/c`, "")), /more than 20000 entries/],
    ["twenty thousand entries that are left out", Array.from({ length: 20_001 }, (_, i) => file(`node_modules/${i}`, "")), /more than 20000 entries/],
    ["a hundred megabytes that are left out", [{ ...file("node_modules/x", ""), size: 100 << 20 }], /more than 64 MiB/],
    ["hard links that multiply a file", [file("a", Buffer.alloc(10 << 20)), ...Array.from({ length: 20 }, (_, i) => hardLink(`h${i}`, "a"))], /more than 64 MiB/],
];

/** What the manifest or the entry says wrongly, in an archive that is fine: [what, entries, error]. */
const MANIFESTS = [
    ["no manifest", [INDEX, file("lib/a.ts")], /package\.json[\s\S]*index\.ts[\s\S]*lib/],
    ["a manifest that is no JSON", [file("package.json", "{nonsense"), INDEX], /package\.json/],
    ["a manifest that is a list", [file("package.json", "[1]"), INDEX], /package\.json/],
    ["a manifest that is null", [file("package.json", "null"), INDEX], /package\.json/],
    ["an empty manifest", [file("package.json", ""), INDEX], /package\.json/],
    ["a manifest that is a folder", [folder("package.json"), INDEX], /package\.json/],
    ["a manifest that is a link to nothing", [symlink("package.json", "gone.json"), INDEX], /package\.json/],
    ["a manifest that is a link in a circle", [symlink("package.json", "package.json"), INDEX], /package\.json/],
    ["a manifest of ten megabytes of brackets", [file("package.json", "[".repeat(10 << 20)), INDEX], /package\.json/],
    ["dependencies that are a list", [manifest({ dependencies: [] }), INDEX], /dependencies/],
    ["dependencies that are text", [manifest({ dependencies: "x" }), INDEX], /dependencies/],
    ["a spec that is a number", [manifest({ dependencies: { lodash: 4 } }), INDEX], /lodash/],
    ["a package name that leaves", [manifest({ dependencies: { "../evil": "1.0.0" } }), INDEX], /\.\.\/evil/],
    ["a package name that is an option", [manifest({ dependencies: { "-g": "1" } }), INDEX], /-g/],
    ["a spec that is an option", [manifest({ dependencies: { lodash: "--ignore-scripts=false" } }), INDEX], /lodash/],
    ["a spec of git", [manifest({ dependencies: { a: "git+ssh://git@example.com/a.git" } }), INDEX], /"?a"?.*git/],
    ["a spec of a hosted repository", [manifest({ dependencies: { a: "github:someone/a" } }), INDEX], /a.*github/],
    ["a spec of a file", [manifest({ dependencies: { a: "file:../../etc" } }), INDEX], /a.*file:/],
    ["a spec of an address", [manifest({ dependencies: { a: "http://169.254.169.254/a.tgz" } }), INDEX], /a.*http/],
    ["a spec of a workspace", [manifest({ dependencies: { a: "workspace:*" } }), INDEX], /a.*workspace:/],
    ["an entry that is missing", [MANIFEST, file("index.js")], /index\.ts[\s\S]*index\.js/],
    ["an entry that is a folder", [MANIFEST, file("index.ts/x.ts")], /index\.ts/],
    ["an entry that is a link to nothing", [MANIFEST, symlink("index.ts", "gone.ts")], /index\.ts/],
    ["an entry that is a link in a circle", [MANIFEST, symlink("index.ts", "b.ts"), symlink("b.ts", "index.ts")], /index\.ts/],
    ["no file at all", [], /holds no files/],
    ["folders alone", [folder("a"), folder("b")], /holds no files/],
    ["node_modules alone", [file("node_modules/x/index.js")], /no files but those in node_modules/],
];

const whole = gzipSync(tar(GOOD));
const flipped = (at, bit) => {
    const copy = Buffer.from(whole);
    copy[at] ^= bit;
    return copy;
};

/** Bytes that are no archive, or part of one: [what, bytes, error]. */
const BYTES = [
    ["a gzip without its end", whole.subarray(0, -20), /damaged/],
    ["a gzip without its length", whole.subarray(0, -4), /damaged/],
    ["a gzip without its last byte", whole.subarray(0, -1), /damaged/],
    ["half of a gzip", whole.subarray(0, whole.length / 2), /damaged/],
    ["a gzip header and little else", whole.subarray(0, 30), /damaged/],
    ["a gzip with a wrong checksum", bytes(whole.subarray(0, -8), Buffer.alloc(4, 0xaa), whole.subarray(-4)), /damaged/],
    ["a gzip with a wrong length", bytes(whole.subarray(0, -4), Buffer.alloc(4, 0xaa)), /damaged/],
    ["a gzip with a bit turned near its start", flipped(12, 1), /damaged|not a tar/],
    ["a gzip with a bit turned in its middle", flipped(whole.length >> 1, 4), /damaged|not a tar/],
    ["a gzip with text behind it", bytes(whole, "garbage"), /something follows its end/],
    ["a gzip and half of another", bytes(whole, whole.subarray(0, 40)), /damaged/],
    ["a gzip with reserved flags", bytes([0x1f, 0x8b, 8, 0xe0, 0, 0, 0, 0, 0, 3], whole.subarray(10)), /damaged/],
    ["a gzip with a wrong header checksum", bytes([0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 3, 0, 0], whole.subarray(10)), /damaged/],
    ["a gzip whose name never ends", bytes([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3], Buffer.alloc(5000, 0x61)), /damaged/],
    ["deflate that refers to before its start", bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], [0x4b, 0x04, 0x9e, 0x00], Buffer.alloc(20)), /damaged/],
    ["zlib in the dress of gzip", bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], deflateSync(tar(GOOD))), /damaged/],
    ["deflate without an end", bytes([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], deflateRawSync(tar(GOOD))), /damaged/],
    ["a gzip of nothing", gzipSync(""), /empty/],
    ["a gzip of a hundred zeros", gzipSync(Buffer.alloc(100)), /damaged|empty|not a tar/],
    ["a gzip of two blocks of zeros", gzipSync(Buffer.alloc(1024)), /no files/],
    ["a gzip of text", gzipSync("this is text, and long enough to be taken for a header. ".repeat(40)), /not a tar/],
    ["a gzip of a gzip", gzipSync(whole), /not a tar/],
    ["a gzip of a zip", gzipSync(bytes("PK\x03\x04", Buffer.alloc(600))), /not a tar/],
    ["a gzip of a cpio", gzipSync(bytes("070701", Buffer.alloc(600, 0x30))), /not a tar/],
    ["a gzip of an ar", gzipSync(bytes("!<arch>\n", Buffer.alloc(600, 0x20))), /not a tar/],
    ["a gzip of an mtree that names host files", gzipSync("#mtree\n./x type=file contents=/etc/passwd\n".padEnd(600)), /not a tar/],
    ["a tar cut within a header", gzipSync(tar(GOOD).subarray(0, 1100)), /damaged/],
    ["a tar cut within a file", gzipSync(tar(GOOD).subarray(0, 520)), /damaged/],
    ["noise in a header", gzipSync(bytes(entry(MANIFEST), Buffer.alloc(512, 0x5a), tar([INDEX]))), /damaged/],
    ["a first header with a wrong checksum", gzipSync(bytes(entry({ ...MANIFEST, badChecksum: true }), tar([INDEX]))), /damaged|not a tar/],
];

/** Archives that are odd and harmless: they build, and what is odd about them stays out: [what, entries]. */
const HARMLESS = [
    ["a link that stays", [symlink("alias.ts", "index.ts")]],
    ["a link to nothing within", [symlink("dangling", "gone")]],
    ["links in a circle", [symlink("a", "b"), symlink("b", "a")]],
    ["a hard link to a file before it", [file("a"), hardLink("h", "a")]],
    ["a link out under .libretto-share", [symlink(".libretto-share/source/x.ts", "/home/someone/x.ts")]],
    ["a file of another machine's metadata", [file("._index.ts", Buffer.alloc(200))]],
    ["a name with a line break", [file("a\nb.txt")]],
    ["a name in right-to-left order", [file("a\u202etxt.ts")]],
    ["a name that Windows forbids", [file("aux.txt"), file("a:b?.txt")]],
    ["a file without any permission", [file("closed", "x", { mode: 0 })]],
    ["a sticky file", [file("sticky", "x", { mode: 0o1644 })]],
    ["a file from the year 9999", [file("late", "x", { patch: (h) => h.write("77777777777", 136) })]],
    ["an owner of root", [file("root", "x", { patch: (h) => h.write("0000000\0" + "0000000\0", 108) })]],
    ["extended attributes that ask for rights", [pax({ "SCHILY.xattr.security.capability": "AAAA", "SCHILY.acl.access": "user::rwx" }), file("caps")]],
    ["a global pax header", [entry({ name: "g", type: "g", data: "20 comment=whatever\n" }), file("a")]],
    ["the folder itself", [folder("./")]],
    ["a folder that says it has data", [{ ...folder("d"), size: 9_000_000 }]],
    ["a pax path that leaves, where a long GNU name counts", [gnuLong("fine"), pax({ path: `../${MARK}` }), file("x")]],
    ["a lockfile that is a folder", [folder("package-lock.json")]],
    ["settings of TypeScript that are a folder", [folder("tsconfig.json")]],
    ["a list of workflows that is a folder", [folder(".libretto-workflows.json")]],
    ["a list of workflows that is a link in a circle", [symlink(".libretto-workflows.json", ".libretto-workflows.json")]],
    ["a .npmrc that wants another git", [file(".npmrc", "git=./evil.sh\nscript-shell=./evil.sh\nregistry=http://127.0.0.1:1/\n"), file("evil.sh", `#!/bin/sh\ntouch /tmp/${MARK}\n`, { mode: 0o755 })]],
];

/** Sources that are refused when they are sent: [what, source, the message]. */
const SOURCES = [
    ["an empty source", "", /empty|at least 1/i],
    ["spaces alone", "    ", /base64|empty|gzip/i],
    ["text that is no base64", "%%%%", /base64/],
    ["a letter outside of base64", `${whole.toString("base64").slice(0, 40)}*${whole.toString("base64").slice(41)}`, /base64/],
    ["base64 of the web", Buffer.from([0x1f, 0x8b, 0xff, 0xff, 0xfb, 0xef]).toString("base64url"), /base64/],
    ["base64 with its padding in the middle", `H4sI====${whole.toString("base64")}`, /base64/],
    ["a data URL", `data:application/gzip;base64,${whole.toString("base64")}`, /base64/],
    ["a tar without gzip", tar(GOOD).toString("base64"), /gzip/],
    ["a gzip by another method", bytes([0x1f, 0x8b, 7, 0], whole.subarray(4)).toString("base64"), /begins with 1f 8b 07/],
    ["a gzip that is shorter than any", whole.subarray(0, 14).toString("base64"), /only 14 bytes/],
    ["a zip", Buffer.from("PK\x03\x04rest of a zip").toString("base64"), /gzip/],
    ["one byte of a gzip", Buffer.from([0x1f]).toString("base64"), /gzip/],
];

const bundle = (entries) => gzipSync(tar([...GOOD, ...entries])).toString("base64");

/** Every row: its name, the `source`, and one of `error`, `refused`, `ready`. */
export const ARCHIVES = [
    ...ENTRIES.map(([what, entries, error]) => ({ what, source: () => bundle(entries), error })),
    ...MANIFESTS.map(([what, entries, error]) => ({ what, source: () => gzipSync(tar(entries)).toString("base64"), error })),
    ...BYTES.map(([what, data, error]) => ({ what, source: () => data.toString("base64"), error })),
    ...HARMLESS.map(([what, entries]) => ({ what, source: () => bundle(entries), ready: true })),
    ...SOURCES.map(([what, source, refused]) => ({ what, source: () => source, refused })),
];

function manifest(more) {
    return file("package.json", JSON.stringify({ name: "x", type: "module", ...more }));
}

/** A pax header whose text is as given. */
function paxText(data) {
    return entry({ name: "PaxHeader", type: TYPE.pax, data });
}

/** An old GNU sparse file that says it has `real` bytes, of which one piece lies at `offset`. */
function sparse(real, offset = 0) {
    const octal = (value) => value.toString(8).padStart(11, "0");
    return {
        name: "sparse.bin",
        type: TYPE.sparse,
        size: 512,
        data: Buffer.alloc(512),
        patch: (header) => {
            header.write("ustar  \0", 257, "latin1");
            header.write(`${octal(offset)}\0${octal(512)}\0`, 386, "latin1");
            header.write(`${octal(real)}\0`, 483, "latin1");
        },
    };
}

/** The same, with one extension of its map after another. */
function endlessSparse() {
    const extension = Buffer.alloc(512);
    for (let i = 0; i < 42; i++) extension.write("00000000001", i * 12);
    extension[504] = 1;
    const header = entry({
        name: "sparse.bin",
        type: TYPE.sparse,
        patch: (h) => {
            h.write("ustar  \0", 257, "latin1");
            for (let i = 0; i < 8; i++) h.write("00000000001", 386 + i * 12);
            h[482] = 1;
        },
    });
    return Buffer.concat([header, ...Array.from({ length: 20_000 }, () => extension)]);
}
