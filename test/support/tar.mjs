// SPDX-License-Identifier: Apache-2.0
/** A tar writer that also writes what no honest tar would: links out, devices, false checksums. */
import { gzipSync } from "node:zlib";

const BLOCK = 512;

/** The values of `type` in a header. */
export const TYPE = {
    file: "0",
    hardLink: "1",
    symlink: "2",
    charDevice: "3",
    blockDevice: "4",
    directory: "5",
    fifo: "6",
    pax: "x",
    sparse: "S",
};

/**
 * @typedef {object} Entry
 * @property {string|Buffer} name  bytes of a Buffer stand as they are
 * @property {string|Buffer} [data]
 * @property {string} [type]  of TYPE; default a file
 * @property {string} [link]  target of a link
 * @property {number} [mode]
 * @property {number} [size]  what the header claims; default the size of `data`
 * @property {boolean} [badChecksum]
 * @property {(header: Buffer) => void} [patch]  last change to the header, before its checksum
 */

/** One entry: header, data, padding. @param {Entry} entry */
export function entry({ name, data = "", type = TYPE.file, link = "", mode, size, badChecksum, patch }) {
    const bytes = Buffer.from(data);
    const header = Buffer.alloc(BLOCK);
    const octal = (value, at, width) => header.write(value.toString(8).padStart(width - 1, "0"), at);

    Buffer.from(name).copy(header, 0, 0, 100);
    octal(mode ?? (type === TYPE.directory ? 0o755 : 0o644), 100, 8);
    octal(1000, 108, 8);
    octal(1000, 116, 8);
    octal(size ?? bytes.length, 124, 12);
    octal(1_700_000_000, 136, 12);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write("ustar\0" + "00", 257, "latin1");
    patch?.(header);
    header.fill(" ", 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0) + (badChecksum ? 1 : 0);
    header.write(sum.toString(8).padStart(6, "0") + "\0 ", 148, "latin1");

    const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
    return Buffer.concat([header, bytes, padding]);
}

/** A pax header that gives the next entry attributes, as bsdtar and GNU tar write them. */
export function pax(attributes) {
    const records = Object.entries(attributes).map(([key, value]) => {
        const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
        let length = rest.length + 1;
        while (String(length).length + rest.length !== length) length += 1;
        return Buffer.concat([Buffer.from(String(length)), rest]);
    });
    return entry({ name: "PaxHeader", type: TYPE.pax, data: Buffer.concat(records) });
}

/** A header of GNU tar that gives the next entry a long name, or with "K" a long link target. */
export function gnuLong(name, type = "L") {
    return entry({
        name: "././@LongLink",
        type,
        data: `${name}\0`,
        patch: (header) => header.write("ustar  \0", 257, "latin1"),
    });
}

/** A whole archive. Members that are Buffers already, as from `pax`, stand as they are. */
export function tar(entries) {
    return Buffer.concat([
        ...entries.map((each) => (Buffer.isBuffer(each) ? each : entry(each))),
        Buffer.alloc(2 * BLOCK),
    ]);
}

/** The `source` of a deployment from tar entries. */
export function sourceOf(entries) {
    return gzipSync(tar(entries)).toString("base64");
}

/** The `source` of a deployment from a map of path to content. */
export function sourceOfFiles(files) {
    return sourceOf(Object.entries(files).map(([name, data]) => ({ name, data })));
}
