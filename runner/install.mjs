// SPDX-License-Identifier: Apache-2.0
//
// The box that installs a dependency set, with network, and without scripts but those that the operator
// allows: leaves a finished layer. Nothing of the author's is here but the names and versions asked for.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { box, log, logFrom, phase } from "./lib/frames.mjs";
import { copyLayer, installedPackages, linkProvided } from "./lib/layer.mjs";
import { adaptLockfile } from "./lib/lockfile.mjs";
import { configure, explain, npm, NpmError, packageIn } from "./lib/npm.mjs";
import { out, work } from "./lib/places.mjs";
import { runScripts } from "./lib/scripts.mjs";
import { writeStandIn } from "./lib/standin.mjs";

const folder = join(work, "install");
const modules = join(folder, "node_modules");
const said = { progress: log, said: (line) => logFrom("stderr", line) };

async function install() {
    const request = JSON.parse(readFileSync(0, "utf8"));
    const env = configure(
        join(work, "npm"),
        process.env.IMPRESARIO_REGISTRY,
        process.env.IMPRESARIO_RELEASE_AGE_DAYS,
    );
    const dependencies = { ...request.dependencies };

    phase("install");
    log(
        `installing ${Object.entries(dependencies)
            .map(([name, spec]) => `${name}@${spec}`)
            .join(", ")}`,
    );
    mkdirSync(folder, { recursive: true });

    const missingLibretto = await installWithoutLibretto(dependencies, request, env);
    mkdirSync(modules, { recursive: true });
    const packages = existsSync(join(modules, ".package-lock.json"))
        ? installedPackages(modules)
        : [];
    warnAboutScripts(await runScripts(packages, request.scripts, folder, env, log));
    if (missingLibretto) writeStandIn(modules);
    linkProvided(modules);

    phase("copy");
    const { bytes } = copyLayer(modules, out);
    const lock = join(folder, "package-lock.json");
    return {
        t: "installed",
        packages: packages.length,
        bytes,
        lockfile: packages.length > 0 && existsSync(lock) ? readFileSync(lock, "utf8") : null,
        missing_libretto: missingLibretto,
    };
}

/** Installs; where the registry has no `libretto`, once more without it. Says whether that was so. */
async function installWithoutLibretto(dependencies, request, env) {
    try {
        await installSet(dependencies, request, env);
        return false;
    } catch (error) {
        if (!(error instanceof NpmError)) throw error;
        if (!("libretto" in dependencies) || !saysMissing(error, dependencies))
            throw explain(error, dependencies);
    }

    log(
        'the registry has no "libretto": the stand-in of Impresario serves its imports (workflow and simple helpers)',
    );
    delete dependencies.libretto;
    try {
        if (Object.keys(dependencies).length > 0) await installSet(dependencies, request, env);
    } catch (error) {
        throw error instanceof NpmError ? explain(error, dependencies) : error;
    }
    return true;
}

function saysMissing(error, dependencies) {
    return error.code === "E404" && packageIn(error.message, dependencies)?.name === "libretto";
}

/** With a lock that fits, exactly what it says; else what satisfies the ranges, near to the lock. */
async function installSet(dependencies, request, env) {
    const root = rootOf(request.overrides, dependencies);
    const lock = request.lockfile === null ? null : adaptLockfile(request.lockfile, root);

    writeFileSync(join(folder, "package.json"), JSON.stringify(root));
    if (request.lockfile !== null && lock === null)
        log("package-lock.json cannot be read and is not used");
    if (lock !== null) {
        writeFileSync(join(folder, "package-lock.json"), lock);
        try {
            return await npm(["ci"], folder, env, said);
        } catch (error) {
            if (error.code !== "EUSAGE") throw error;
            const why = error.message
                .split("\n")
                .filter((line) => /^(Invalid|Missing): /.test(line));
            log(
                [
                    "package-lock.json does not fit package.json and serves only as a hint",
                    ...why,
                ].join("\n"),
            );
        }
    }
    return npm(["install"], folder, env, said);
}

/** Our own package.json: of the author's only what decides which packages are installed. */
function rootOf(overrides, dependencies) {
    const root = { name: "deployment", version: "0.0.0", private: true, dependencies };
    return overrides === null ? root : { ...root, overrides };
}

function warnAboutScripts(packages) {
    const wanting = packages.map((one) => `${one.name}@${one.version}`);

    if (wanting.length > 0) {
        log(
            `warning: install scripts do not run here; these packages have one and may lack what it makes: ${wanting.join(", ")}` +
                "\nThe operator of the server can allow them with install_scripts",
        );
    }
}

process.exitCode = await box(install);
