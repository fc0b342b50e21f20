// SPDX-License-Identifier: Apache-2.0
//
// The server's side of descriptor 3: one line, the run that this slot is given.

import { Socket } from "node:net";

const CHANNEL = 3;

/**
 * Waits for the `run` frame. Afterwards nothing more is read, and the descriptor keeps no event
 * loop alive.
 * @returns {Promise<object | null>} null when the server went away instead
 */
export function receiveRun() {
    const socket = new Socket({ fd: CHANNEL, readable: true, writable: false });

    return new Promise((resolve, reject) => {
        const chunks = [];

        socket.on("data", (chunk) => {
            chunks.push(chunk);
            const end = chunk.indexOf("\n");
            if (end < 0) return;

            socket.pause();
            socket.unref();
            resolve(JSON.parse(Buffer.concat(chunks).toString().split("\n", 1)[0]));
        });
        socket.on("end", () => resolve(null));
        socket.on("error", reject);
    });
}
