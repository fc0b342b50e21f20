// SPDX-License-Identifier: Apache-2.0
//
// Install scripts: those of packages that the operator names run, and no others.

import { Failure } from "./failure.mjs";
import { explain, npm, NpmError } from "./npm.mjs";

/**
 * Runs what is allowed, after everything is installed, and gives the packages that have a script which did not run.
 * @param {ReturnType<import("./layer.mjs").installedPackages>} packages
 * @param {string[]} allowed names of packages
 * @param {string} folder where package.json lies
 * @param {Record<string, string | undefined>} env of npm
 * @param {(line: string) => void} log
 */
export async function runScripts(packages, allowed, folder, env, log) {
    const silent = { progress: () => {}, said: () => {} };
    const ask = (...command) => npm(command, folder, env, silent);
    const wanting = packages.filter((one) => one.wantsScript);
    const running = [];

    for (const one of wanting) {
        if (!allowed.includes(one.name) || one.bundled) continue;
        if (await isItself(one, ask)) running.push(one);
        else log(`${one.path} is not what the registry has as "${one.name}@${one.version}": its script does not run`);
    }
    for (const { name, version, path } of running) {
        log(`running the install script of ${name}@${version}`);
        try {
            await ask("rebuild", `./${path}`, "--ignore-scripts=false");
        } catch (error) {
            if (!(error instanceof NpmError)) throw error;
            throw new Failure(
                `The install script of "${name}@${version}" failed\n${error.message}\n` +
                    "It runs because install_scripts names it; many packages work without.",
            );
        }
    }
    return wanting.filter((one) => !running.includes(one));
}

/**
 * Whether these are the bytes that the registry has under that name. What npm noted as the name may be what the package
 * says of itself, or what a lockfile says of it; the digest is what was compared with the bytes.
 */
async function isItself({ name, version, integrity }, ask) {
    try {
        const told = await ask("view", `${name}@${version}`, "dist.integrity");
        return integrity !== undefined && told.trim() !== "" && JSON.parse(told) === integrity;
    } catch (error) {
        if (!(error instanceof NpmError)) throw error;
        if (error.code === "E404") return false;
        throw explain(error, { [name]: version });
    }
}
