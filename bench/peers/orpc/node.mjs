// SPDX-License-Identifier: Apache-2.0
/** The peer on Node, with better-sqlite3: `node node.mjs DATA [SEED]`. */
import { createServer } from "node:http";
import { RPCHandler } from "@orpc/server/node";
import Database from "better-sqlite3";
import { app } from "./app.mjs";

const handler = new RPCHandler(app((path) => new Database(path), process.argv[2], process.argv[3]));
const server = createServer({ keepAliveTimeout: 600_000 }, async (request, response) => {
    const context = { key: request.headers["x-api-key"] };
    const { matched } = await handler.handle(request, response, { prefix: "/v1", context });
    if (!matched) response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", () => process.exit(0));
