// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a server keeps what its 200 says, by what it asks of the kernel: at the moment at which an answer
 * leaves, whatever was written below its data folder is synced, and so is each folder that got a new name. It
 * holds for any server and any way of keeping things; what is asked to be durable later does not count, and
 * neither does what is written where no trace shows it (io_uring, mapped memory).
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

const CALLS = [
    ..."openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir".split(","),
    ..."write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,copy_file_range,sendfile,splice".split(
        ",",
    ),
    ..."fsync,fdatasync,syncfs,sync,sendto,sendmsg".split(","),
];

/** The command that becomes another one, and writes what that asks of the kernel to the file. */
export const watched = (file) => [
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-y",
    "-s",
    "32",
    "-e",
    `trace=${CALLS.join(",")}`,
    "-o",
    file,
];

/**
 * The calls of a trace: in the order in which they began for what goes out, in that in which they were over for
 * what is kept, which is the stricter of the two for either.
 */
function* calls(text) {
    const open = new Map();
    for (const line of text.split("\n")) {
        const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
        if (!rest) continue;
        const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
        const begun = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest);
        const whole = /^(\w+)\((.*)\) += (-?\d+|\?).*$/.exec(rest);
        if (begun) {
            open.set(thread, begun[2]);
            if (isAnswer(begun[1], begun[2])) yield { name: begun[1], args: begun[2], result: 1 };
        } else if (resumed) {
            const args = `${open.get(thread) ?? ""}${resumed[2].replace(/\) += .*$/, "")}`;
            const result = Number(/\) += (-?\d+)/.exec(resumed[2])?.[1]);
            if (!isAnswer(resumed[1], args)) yield { name: resumed[1], args, result };
        } else if (whole) yield { name: whole[1], args: whole[2], result: Number(whole[3]) };
    }
}

const isAnswer = (name, args) =>
    /^(write|writev|sendto|sendmsg)$/.test(name) &&
    /^\d+<(socket|TCP)/.test(args) &&
    args.includes('"HTTP/1.1 200');
const quoted = (args) => [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path]) => path);
/** The paths that a call names, with what it names them relative to. */
function paths(args) {
    const at = [...args.matchAll(/(?:AT_FDCWD|\d+)<([^>]*)>, (?:"((?:[^"\\]|\\.)*)")/g)];
    const found = at.length
        ? at.map(([, folder, path]) => (path.startsWith("/") ? path : `${folder}/${path}`))
        : quoted(args);
    return found;
}
const fileOf = (args) => /^\d+<([^>]*)>/.exec(args)?.[1] ?? "";

/**
 * What each answer left unsynced; the answers before `skip` are of the start.
 *
 * @param {string} text  of the trace
 * @param {string} data  the server's folder
 * @param {{least?: (nth: number) => number, skip?: number}} [options]  `least`: bytes that an answer was about
 * @returns {{answers: number, broken: string[]}}
 */
export function judge(text, data, { least = () => 1, skip = 1 } = {}) {
    const inside = (path) => path.startsWith(`${data}/`) && !path.endsWith("-shm"); // rebuilt from the log
    const unsynced = new Set();
    const unnamed = new Set();
    const broken = [];
    let answers = 0;
    let written = 0;
    let logged = false; // the write-ahead log was synced: the database itself may wait for its checkpoint

    for (const { name, args, result } of calls(text)) {
        if (isAnswer(name, args)) {
            if (++answers > skip) {
                const open = [...unsynced].filter((path) => !(logged && path.endsWith(".db")));
                for (const path of open) broken.push(`answer ${answers} left ${path} unsynced`);
                for (const path of unnamed)
                    broken.push(`answer ${answers} left the name of ${path} unsynced`);
                if (written < least(answers))
                    broken.push(`answer ${answers} left with ${written} of ${least(answers)} bytes written`);
            }
            unsynced.clear();
            unnamed.clear();
            written = 0;
            logged = false;
            continue;
        }
        if (!(result >= 0)) continue;
        switch (name) {
            case "openat":
            case "creat": {
                const [path] = paths(args);
                if (path && inside(path) && /O_CREAT/.test(args + name.toUpperCase())) unnamed.add(path);
                break;
            }
            case "mkdir":
            case "mkdirat":
                for (const path of paths(args).filter(inside)) unnamed.add(path);
                break;
            case "rename":
            case "renameat":
            case "renameat2":
            case "link":
            case "linkat": {
                const [from, to] = paths(args);
                unnamed.delete(from);
                if (unsynced.delete(from)) unsynced.add(to);
                if (to && inside(to)) unnamed.add(to);
                break;
            }
            case "unlink":
            case "unlinkat":
            case "rmdir":
                for (const path of paths(args)) {
                    unnamed.delete(path);
                    unsynced.delete(path);
                }
                break;
            case "fsync":
            case "fdatasync": {
                const path = fileOf(args);
                unsynced.delete(path);
                if (path.endsWith("-wal")) logged = true;
                for (const each of unnamed) if (dirname(each) === path) unnamed.delete(each);
                break;
            }
            case "sync":
            case "syncfs":
                unsynced.clear();
                unnamed.clear();
                logged = true;
                break;
            default: {
                const path = fileOf(args);
                if (path.endsWith("-wal")) logged = false;
                if (!inside(path)) break;
                unsynced.add(path);
                written += result;
            }
        }
    }
    return { answers: Math.max(0, answers - skip), broken };
}

export const judgeFile = (file, data, options) => judge(readFileSync(file, "utf8"), data, options);
