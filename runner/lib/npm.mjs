// SPDX-License-Identifier: Apache-2.0
//
// Runs our pinned npm, configured by us alone: no script of a package runs that is not asked for, nothing
// comes from anywhere but the registry, and no configuration of a tenant or of this machine is read.

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Failure } from "./failure.mjs";
import { certificates, runner } from "./places.mjs";

const FETCHED = /^npm http fetch GET 200 /;
const FETCHES_PER_LINE = 25;

/** Trouble between us and the registry: no author can help it, another try may. */
const PASSING = new Set([
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "EPIPE",
    "E500",
    "E502",
    "E503",
    "E504",
    "E429",
    "ENOSPC",
    "ENOMEM",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "CERT_HAS_EXPIRED",
]);

/** What npm said when it failed. */
export class NpmError extends Error {
    constructor(code, summary) {
        super(summary);
        this.code = code;
    }
}

/** Writes the only two configuration files that npm will see, and gives its environment. */
export function configure(home, registry, releaseAgeDays) {
    const lines = [
        `cafile=${certificates}`,
        `cache=${join(home, "cache")}`,
        "ignore-scripts=true",
        "allow-git=none",
        "allow-remote=none",
        "allow-file=none",
        "allow-directory=none",
        "omit=dev",
        "audit=false",
        "fund=false",
        "update-notifier=false",
        "omit-lockfile-registry-resolved=true",
        "logs-max=0",
        "fetch-retry-mintimeout=1000",
        "fetch-retry-maxtimeout=10000",
        "loglevel=http",
        "json=true",
    ];
    if (registry) lines.push(`registry=${registry}`);
    if (releaseAgeDays) lines.push(`min-release-age=${releaseAgeDays}`);

    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "userconfig"), lines.join("\n") + "\n");
    writeFileSync(join(home, "globalconfig"), "");
    return {
        HOME: home,
        PATH: process.env.PATH,
        TMPDIR: process.env.TMPDIR,
        NODE_ENV: "production",
        npm_config_userconfig: join(home, "userconfig"),
        npm_config_globalconfig: join(home, "globalconfig"),
    };
}

/**
 * What npm printed, which is JSON.
 * @param {string[]} command "ci", "install" and such, with what it is given
 * @param {string} folder where package.json lies
 * @param {Record<string, string | undefined>} env
 * @param {{ progress: (line: string) => void, said: (line: string) => void }} log
 */
export async function npm(command, folder, env, log) {
    const child = spawn(
        process.execPath,
        [join(runner, "node_modules", "npm", "bin", "npm-cli.js"), ...command],
        {
            cwd: folder,
            env,
            stdio: ["ignore", "pipe", "pipe"],
        },
    );
    const exited = new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));

    let fetched = 0;
    createInterface(child.stderr).on("line", (line) => {
        if (FETCHED.test(line)) {
            fetched++;
            if (fetched % FETCHES_PER_LINE === 0)
                log.progress(`${fetched} files from the registry so far`);
        } else if (/^npm warn /.test(line)) {
            log.said(line.slice("npm warn ".length));
        }
    });

    let answer = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) answer += chunk;
    if ((await exited) === 0) return answer;

    const { code, summary, detail } = readError(answer);
    throw new NpmError(code, [summary, detail].filter(Boolean).join("\n").trim());
}

function readError(answer) {
    try {
        return JSON.parse(answer).error;
    } catch {
        return { code: "UNKNOWN", summary: "npm ended without saying why", detail: "" };
    }
}

/**
 * npm's error in words for the author: which package, which version, what to do.
 * @param {NpmError} error
 * @param {Record<string, string>} dependencies what was asked for
 */
export function explain(error, dependencies) {
    const wanted = packageIn(error.message, dependencies);
    const named = wanted === null ? "a package that is depended on" : `"${wanted.name}"`;
    const spec = wanted?.spec ? ` ("${wanted.spec}")` : "";

    if (PASSING.has(error.code)) {
        return new Failure(
            `The registry could not be reached (${error.code}), which is not your code's fault`,
            {
                fault: "server",
            },
        );
    }
    switch (error.code) {
        case "E404":
            return new Failure(
                `The dependency ${named}${spec} does not exist in the registry\nCheck its name in package.json.`,
            );
        case "ETARGET":
            return new Failure(
                `No version of ${named} satisfies what is asked for${spec}\n${firstLine(error)}`,
            );
        case "E401":
        case "E403":
            return new Failure(
                `The registry does not give out ${named}${spec} (${error.code})${saidWith(error)}`,
            );
        case "E422":
            return new Failure(`What the registry has of ${named} cannot be used${saidWith(error)}`);
        case "EALLOWGIT":
        case "EALLOWREMOTE":
        case "EALLOWFILE":
        case "EALLOWDIRECTORY":
            return new Failure(
                `A dependency comes from outside of the registry, which is not allowed here\n${firstLine(error)}`,
            );
        case "ERESOLVE":
            return new Failure(`The dependencies contradict each other\n${error.message}`);
        case "EINTEGRITY":
            return new Failure(
                `The registry has other bytes than package-lock.json records\n${firstLine(error)}`,
            );
        default:
            return new Failure(
                `The dependencies could not be installed (${error.code})\n${error.message}`,
            );
    }
}

/** What was answered with the status, on a line of its own. */
function saidWith(error) {
    const said = /^\d+ .*? - \w+ \S+ - (.+)$/s.exec(error.message);
    return said === null ? "" : `\n${said[1]}`;
}

function firstLine(error) {
    return error.message.split("\n")[0];
}

/** The package that npm's message is about: one of those asked for, or one that those need. */
export function packageIn(message, dependencies) {
    const found =
        /['"]((?:@[\w.~-]+\/)?[\w.~-]+)@([^'"]+)['"]/.exec(message) ??
        /found for ((?:@[\w.~-]+\/)?[\w.~-]+)@(.+?)\.?$/m.exec(message);

    return found === null ? null : { name: found[1], spec: dependencies[found[1]] ?? found[2] };
}
