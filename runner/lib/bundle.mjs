// SPDX-License-Identifier: Apache-2.0
//
// Makes one ES module of an author's entry. Packages stay outside: they are installed once per set
// and shared. Of bare imports only three kinds end up inside: what tsconfig's paths or the
// package's own imports map to files, our `impresario` module, and our zod where the author
// declares none.

import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative, sep } from "node:path";
import * as esbuild from "esbuild";
import { bundlePath } from "./bundle-paths.mjs";
import { Failure } from "./failure.mjs";
import { runner } from "./places.mjs";
import { PROVIDED } from "./manifest.mjs";

/* esbuild renames an author's own top-level `require`, so this one never collides. */
const REQUIRE =
    'import { createRequire as impresarioRequire } from "node:module"; ' +
    "const require = impresarioRequire(import.meta.url);";

const EXTENSIONS = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];

/**
 * @param {string} root
 * @param {string} entry
 * @param {import("./manifest.mjs").Manifest} manifest
 * @param {(line: string) => void} log
 * @returns {Promise<{ entry: string, adopted: Record<string, string>, librettoImports: string[] }>}
 *     `adopted`: dependencies named elsewhere than in `dependencies` that the code needs all the same
 */
export async function bundle(root, entry, manifest, log) {
    const outfile = bundlePath(entry);
    const packages = packageResolver(root, manifest, log);

    try {
        const built = await esbuild.build({
            absWorkingDir: root,
            entryPoints: [entry],
            outfile,
            bundle: true,
            platform: "node",
            target: "node22",
            format: "esm",
            sourcemap: "external",
            sourcesContent: true,
            resolveExtensions: EXTENSIONS,
            banner: { js: REQUIRE },
            inject: [join(runner, "lib", "globals.mjs")],
            plugins: [packages.plugin],
            logLevel: "silent",
            logLimit: 0,
        });
        for (const warning of built.warnings) log(`warning: ${describe(warning)}`);
    } catch (error) {
        if (!Array.isArray(error.errors)) throw error;
        throw new Failure(error.errors.map(describe).join("\n"));
    } finally {
        await esbuild.stop();
    }
    return {
        entry: outfile,
        adopted: packages.adopted,
        librettoImports: importedNames(readFileSync(join(root, outfile), "utf8"), "libretto"),
    };
}

/** `file:line:column: text`, counted from one as editors do, then the line itself. */
function describe(message) {
    const where = message.location;
    const notes = message.notes.map((note) => `\n    ${note.text}`).join("");

    if (where === null) return message.text + notes;
    const line = where.lineText.trim().slice(0, 200);
    return (
        `${where.file}:${where.line}:${where.column + 1}: ${message.text}` +
        (line && `\n    ${line}`) +
        notes
    );
}

/**
 * Our module, for this file. Reading zod is nine tenths of what a small bundle takes, so a file that
 * plainly does without gets our module without it. Both are the same code.
 */
function ours(importer) {
    const named = /\b(?:import|export)\s*(?:type\s*)?\{([^}]*)\}\s*from\s*(["'])impresario\2/g;
    const text = readFileSync(importer, "utf8");
    const asks =
        /["'`]impresario["'`]/.test(text.replaceAll(named, "")) ||
        [...text.matchAll(named)].some(([, names]) => /\bz\b/.test(names));

    return join(runner, "impresario", asks ? "index.mjs" : "without-zod.mjs");
}

function packageResolver(root, manifest, log) {
    /** @type {Record<string, string>} */
    const adopted = {};
    const asked = {};
    let saidZod = false;

    /* A path that tsconfig or package.json turns into a file of the author's. */
    async function ownFile(build, args) {
        const found = await build.resolve(args.path, {
            kind: args.kind,
            importer: args.importer,
            resolveDir: args.resolveDir,
            with: args.with,
            pluginData: asked,
        });
        const inside = found.errors.length === 0 && !found.external && relative(root, found.path);
        if (!inside || inside.startsWith("..") || inside.split(sep).includes("node_modules"))
            return null;
        if (/\.d\.[cm]?ts$/.test(inside)) return null; /* types for an editor */
        return { path: found.path };
    }

    async function resolve(build, args) {
        if (args.pluginData === asked) return undefined;
        if (isBuiltin(args.path)) return { path: args.path, external: true };
        if (args.importer.startsWith(runner + sep)) return undefined;
        if (/^[a-z][a-z0-9+.-]*:/i.test(args.path)) return undefined;

        if (args.path === "impresario") return { path: ours(args.importer) };

        const own = await ownFile(build, args);
        if (own !== null) return own;

        const name = packageName(args.path);
        if (name !== "impresario" && PROVIDED.has(name)) return { path: args.path, external: true };
        if (manifest.dependencies[name] !== undefined) return { path: args.path, external: true };

        if (name === "zod") {
            if (!saidZod)
                log(
                    "zod is not among the dependencies: the copy that Impresario brings is built in",
                );
            saidZod = true;
            return build.resolve(args.path, {
                kind: args.kind,
                resolveDir: runner,
                pluginData: asked,
            });
        }

        const elsewhere = manifest.elsewhere(name);
        if (name === "libretto" && elsewhere !== null) {
            adopted[name] = elsewhere.spec;
            return { path: args.path, external: true };
        }
        return { errors: [{ text: undeclared(name, args.path, elsewhere) }] };
    }

    return {
        adopted,
        plugin: {
            name: "packages",
            setup(build) {
                build.onResolve({ filter: /^[^./]/ }, (args) =>
                    args.kind === "entry-point" ? undefined : resolve(build, args),
                );
            },
        },
    };
}

function packageName(path) {
    const parts = path.split("/");
    return path.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

function undeclared(name, path, elsewhere) {
    if (name === "impresario") return `"${path}" does not exist; import from "impresario"`;
    if (elsewhere !== null) {
        return `"${name}" is only in ${elsewhere.section} of package.json; move it to dependencies`;
    }
    return `Could not resolve "${path}"; if it is a package, add "${name}" to dependencies in package.json`;
}

/** Names that the finished bundle takes from a package; esbuild writes its imports in one form. */
function importedNames(code, from) {
    const names = new Set();
    const statement = new RegExp(
        `^(?:import|export)\\s+(?:[\\w$]+\\s*,\\s*)?\\{([^}]*)\\}\\s*from "${from}";`,
        "gm",
    );

    for (const [, list] of code.matchAll(statement)) {
        for (const item of list.split(",")) {
            const name = item.trim().split(/\s+as\s+/)[0];
            if (name !== "") names.add(name);
        }
    }
    return [...names].sort();
}
