// SPDX-License-Identifier: Apache-2.0
/** The same on Bun, with its own front and SQLite, which are the faster ones there: `bun bun.mjs DATA [SEED]`. */
import { Database } from "bun:sqlite";
import { RPCHandler } from "@orpc/server/fetch";
import { app } from "./app.mjs";

const handler = new RPCHandler(app((path) => new Database(path), process.argv[2], process.argv[3]));
const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 256 << 20,
    async fetch(request) {
        const context = { key: request.headers.get("x-api-key") };
        const { matched, response } = await handler.handle(request, { prefix: "/v1", context });
        return matched ? response : new Response(null, { status: 404 });
    },
});
console.log(`listening on http://127.0.0.1:${server.port}`);
process.once("SIGTERM", () => process.exit(0));
