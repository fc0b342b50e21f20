// SPDX-License-Identifier: Apache-2.0

/**
 * An answer for the author: what, where, what to do. Its first line makes sense alone. Anything
 * else that is thrown inside a box is a defect of ours and is reported as one.
 */
export class Failure extends Error {
    /**
     * @param {string} message
     * @param {{ fault?: "author" | "server" }} [options] "server": not the author's fault, worth a retry
     */
    constructor(message, { fault = "author" } = {}) {
        super(message);
        this.name = "Failure";
        this.fault = fault;
    }
}
