// SPDX-License-Identifier: Apache-2.0
/** A package registry on loopback, whose packages lie on another port of it. It remembers what it was asked. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { tar } from "./tar.mjs";

const listening = async (answer) => {
    const server = createServer(answer);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { server, address: `127.0.0.1:${server.address().port}` };
};

export class Registry {
    #packuments;
    #tarballs;
    /** By name: the packages that are served, and what is changed of each. */
    #packages = new Map();
    /** Paths, in the order of asking, as "name" and "name/-/file.tgz". */
    asked = [];
    /** What is answered to everything, while it is set. */
    status = null;

    /** @param {{prefix?: string, keeps?: boolean}} [options] a path before the names, with slashes; whether connections are kept */
    static async open({ prefix = "/", keeps = true } = {}) {
        const registry = new Registry();
        registry.#packuments = await listening((request, response) => registry.#packument(request, response, prefix));
        registry.#tarballs = await listening((request, response) => registry.#tarball(request, response));
        for (const { server } of [registry.#packuments, registry.#tarballs]) server.maxRequestsPerSocket = keeps ? 0 : 1;
        registry.url = `http://${registry.#packuments.address}${prefix}`;
        registry.elsewhere = registry.#tarballs.address;
        return registry;
    }

    /** What a server needs to install from here. */
    get settings() {
        return { IMPRESARIO_REGISTRY: this.url, IMPRESARIO_REGISTRY_ALLOW: this.elsewhere };
    }

    /**
     * Serves a package that exports `value`.
     * @param {{dependencies?: object, scripts?: object, calls?: string, files?: Record<string, string>,
     *     dist?: (dist: object) => object, bytes?: (tarball: Buffer) => Buffer, redirect?: string, published?: Date}} [how]
     *     `calls` is the name that it gives itself; `files` are in the tarball, in place of those that it would have; `dist`
     *     and `bytes` change what is told of it and what is served; `redirect` is where its tarball is said to have moved,
     *     "?moved" being where it is
     */
    add(name, version, value, how = {}) {
        const { dependencies = {}, dist = (told) => told, bytes = (all) => all, redirect, published = new Date() } = how;
        const manifest = { name: how.calls ?? name, version, main: "index.js", dependencies, scripts: how.scripts };
        const files = {
            "package.json": JSON.stringify(manifest),
            "index.js": `module.exports = ${JSON.stringify(value)};\n`,
            ...how.files,
        };
        const tarball = gzipSync(tar(Object.entries(files).map(([file, data]) => ({ name: `package/${file}`, data }))));
        const digest = (kind, form) => createHash(kind).update(tarball).digest(form);
        const file = `${name}/-/${name.replace(/^.*\//, "")}-${version}.tgz`;
        const told = {
            tarball: `http://${this.elsewhere}/${file}`,
            integrity: `sha512-${digest("sha512", "base64")}`,
            shasum: digest("sha1", "hex"),
        };
        const versions = this.#packages.get(name) ?? {};
        versions[version] = { file, bytes: bytes(tarball), redirect, published, said: { ...manifest, hasInstallScript: how.scripts !== undefined, dist: dist(told) } };
        this.#packages.set(name, versions);
    }

    #packument(request, response, prefix) {
        const name = decodeURIComponent(request.url.slice(prefix.length));
        const versions = request.url.startsWith(prefix) && this.#packages.get(name);
        this.asked.push(name);
        if (this.status) return void response.writeHead(this.status).end();
        if (!versions || request.method !== "GET") return void response.writeHead(404).end("{}");
        const body = JSON.stringify({
            name,
            "dist-tags": { latest: Object.keys(versions).at(-1) },
            // Only the long form has it, as npm's registry does.
            ...(!request.headers.accept.includes("install-v1") && {
                time: Object.fromEntries(Object.entries(versions).map(([version, { published }]) => [version, published])),
            }),
            versions: Object.fromEntries(Object.entries(versions).map(([version, { said }]) => [version, said])),
        });
        const etag = `"${createHash("sha1").update(body).digest("hex")}"`;
        const known = request.headers["if-none-match"] === etag;
        response.writeHead(known ? 304 : 200, { "content-type": "application/json", etag });
        response.end(known ? "" : body);
    }

    #tarball(request, response) {
        const [path, moved] = decodeURIComponent(request.url.slice(1)).split("?");
        const found = [...this.#packages.values()].flatMap(Object.values).find(({ file }) => file === path);
        this.asked.push(path);
        if (this.status || !found) return void response.writeHead(this.status ?? 404).end();
        if (found.redirect && moved === undefined)
            return void response.writeHead(302, { location: found.redirect }).end();
        response.writeHead(200, { "content-type": "application/octet-stream" }).end(found.bytes);
    }

    async close() {
        for (const { server } of [this.#packuments, this.#tarballs]) {
            if (!server.listening) continue;
            server.close();
            server.closeAllConnections();
            await once(server, "close");
        }
    }
}
