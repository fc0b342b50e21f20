// SPDX-License-Identifier: Apache-2.0
/** The peers that stay: servers. What they keep lies on the same disk as ours. */
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./children.mjs";
import { NODE } from "./server.mjs";

export const PEERS = fileURLToPath(new URL("../peers", import.meta.url));
export const BUN = join(PEERS, "node_modules/@oven/bun-linux-x64/bin/bun");

/** The oRPC server on "node" or "bun". `seed`: {keys, deployment?, workflow?} that it knows from the start. */
export async function startOrpc(bench, on, seed, under = []) {
    const data = bench.scratch.folder(`orpc-${on}`);
    const file = join(data, "seed.json");
    writeFileSync(file, JSON.stringify(seed));
    const program = on === "bun" ? BUN : NODE;
    const [command, ...args] = [...under, program, join(PEERS, "orpc", `${on}.mjs`), data, file];
    const env = { NODE_ENV: "production", UV_THREADPOOL_SIZE: "16" };
    const child = await Child.start(command, args, { ready: /^listening on (http:\/\/\S+)$/, env });
    return Object.assign(child, { url: child.said[1], data });
}

/** A port that was free a moment ago, for programs that cannot be told to choose one. */
function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer().on("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

/** nginx that gives the same answer to everything: one worker, as our event thread is one. */
export async function startNginx(bench, answer) {
    const data = bench.scratch.folder("nginx");
    const port = await freePort();
    const file = join(data, "nginx.conf");
    writeFileSync(
        file,
        `daemon off; worker_processes 1; pid ${data}/nginx.pid; error_log stderr notice;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type application/json;
    client_body_temp_path ${data}/a; proxy_temp_path ${data}/b; fastcgi_temp_path ${data}/c;
    uwsgi_temp_path ${data}/d; scgi_temp_path ${data}/e;
    server { listen 127.0.0.1:${port}; location / { return 200 '${answer.replaceAll("'", "\\'")}'; } }
}
`,
    );
    const child = await Child.start("/usr/sbin/nginx", ["-p", data, "-c", file], {
        ready: /start worker process \d+$/,
        signal: "SIGTERM",
    });
    return Object.assign(child, { url: `http://127.0.0.1:${port}`, data });
}
