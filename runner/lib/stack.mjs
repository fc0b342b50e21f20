// SPDX-License-Identifier: Apache-2.0
//
// Stacks with positions in the author's own files.
//
// A plain deployment was bundled by us, so its source map knows. A bootstrap's implementation has
// no map, but it is not minified: a comment line with the module's path stands before each module,
// and the lines of a module are still its author's lines, apart from types and spacing. For those
// the shared sources are searched for the line that threw.

import { lstatSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { dirname, join, normalize } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { mapPath } from "./bundle-paths.mjs";
import { causesOf, describeError, withoutPlaces } from "./errors.mjs";
import { app, runner, tmp } from "./places.mjs";

const SHARED_SOURCES = ".libretto-share/source";
const FRAME = /^\s+at (?:(async )?(.*?) \()?((?:file:\/\/|node:|\/)[^()]*?):(\d+):(\d+)\)?$/;
const MODULE_COMMENT = /^\s*\/\/ (\S.*\.[cm]?[jt]sx?)$/;

/** A place in somebody else's code: folded, and counted where it stands between the author's. */
const LIBRARY = Symbol("library");
/** A place in the machinery below the author's code: left out. */
const MACHINERY = Symbol("machinery");

/**
 * @param {{ entry: string, kind: "plain" | "bootstrap", sourceFiles?: string[] }} deployment
 * @returns {(thrown: any) => string | null} the mapped stack, null when there is none
 */
export function stackMapper(deployment) {
    const locate =
        deployment.kind === "plain" ? plainLocator(deployment.entry) : bootstrapLocator(deployment);

    const describe = (thrown) => {
        const lines = framesOf(thrown, locate);
        return lines.length === 0
            ? describeError(thrown)
            : [describeError(thrown), ...lines].join("\n");
    };

    return (thrown) => {
        if (typeof thrown?.stack !== "string") return null;
        return [
            describe(thrown),
            ...causesOf(thrown).map((cause) => `Caused by: ${describe(cause)}`),
        ].join("\n");
    };
}

function framesOf(thrown, locate) {
    const shown = [];
    let folded = 0;

    for (const line of String(thrown?.stack ?? "").split("\n")) {
        const match = FRAME.exec(line);
        if (match === null) continue;

        const [, wait = "", name, file, row, column] = match;
        const place = placeOf(file, Number(row), Number(column), locate);
        if (place === MACHINERY) continue;
        if (place === LIBRARY) {
            folded++;
            continue;
        }
        if (folded > 0) shown.push(`    ... ${folded} more in libraries`);
        folded = 0;
        shown.push(name ? `    at ${wait}${name} (${place})` : `    at ${place}`);
    }
    return shown;
}

function placeOf(file, row, column, locate) {
    if (file.startsWith("node:")) return MACHINERY;

    const path = file.startsWith("file://") ? fileURLToPath(file.split("?")[0]) : file;
    if (path.includes("/node_modules/")) return LIBRARY;
    if (path.startsWith(`${runner}/impresario/`)) return LIBRARY;
    if (path.startsWith(`${runner}/`)) return MACHINERY;
    return locate(path, row, column);
}

function plainLocator(entry) {
    const bundle = join(app, entry);
    let map;

    return (path, row, column) => {
        if (path !== bundle) return `${withoutPlaces(path)}:${row}:${column}`;

        map ??= new SourceMap(JSON.parse(readFileSync(mapPath(bundle), "utf8")));
        const origin = map.findEntry(row - 1, column - 1);
        if (origin.originalSource === undefined) return MACHINERY;

        const source = join(dirname(bundle), origin.originalSource);
        if (!source.startsWith(`${app}/`)) return LIBRARY;
        return `${source.slice(app.length + 1)}:${origin.originalLine + 1}:${origin.originalColumn + 1}`;
    };
}

function bootstrapLocator({ entry, sourceFiles = [] }) {
    const files = new Map();
    const linesOf = (path) => {
        if (!files.has(path)) files.set(path, readLines(path));
        return files.get(path);
    };

    return (path, row, column) => {
        if (path === join(app, entry)) return MACHINERY;
        if (!path.startsWith(`${tmp}/`)) return `${withoutPlaces(path)}:${row}:${column}`;

        const code = linesOf(path);
        const start = moduleStart(code, row);
        if (start === null) return MACHINERY;

        const source = sourceFiles.find(
            (name) => start.module === name || start.module.endsWith(`/${name}`),
        );
        if (source === undefined) return LIBRARY;

        const found = findLine(
            linesOf(join(app, SHARED_SOURCES, normalize(`/${source}`))),
            code,
            start.row,
            row,
        );
        return found === null ? source : `${source}:${found}`;
    };
}

/** Lines of a regular file; none when it cannot be read, and links are not followed. */
function readLines(path) {
    try {
        return lstatSync(path).isFile() ? readFileSync(path, "utf8").split("\n") : [];
    } catch {
        return [];
    }
}

/** The last module comment above a row. Rows count from one. */
function moduleStart(code, row) {
    for (let at = row; at >= 1; at--) {
        const match = MODULE_COMMENT.exec(code[at - 1] ?? "");
        if (match !== null) return { module: match[1], row: at };
    }
    return null;
}

/**
 * The row in the author's file of a row in the bundle. Of several equal lines it is the one with
 * the same number among its equals, or the nearest to that.
 */
function findLine(source, code, start, row) {
    const wanted = essence(code[row - 1] ?? "");
    if (wanted === "") return null;

    let before = 0;
    for (let at = start; at < row; at++) if (essence(code[at - 1]) === wanted) before++;

    const equals = source.flatMap((line, index) => (essence(line) === wanted ? [index + 1] : []));
    return equals.length === 0 ? null : equals[Math.min(before, equals.length - 1)];
}

/** A line without what a bundler rewrites: spacing, the kind of quotes, ends of statements. */
function essence(line) {
    return line
        .replace(/\s+/g, "")
        .replace(/'/g, '"')
        .replace(/[;,]+$/, "");
}
