// SPDX-License-Identifier: Apache-2.0
/** A client for the suites: it sends what it is told, and every answer is checked against the contract. */
import assert from "node:assert/strict";
import { checkAnswer } from "./contract.mjs";

/** @typedef {{status: number, headers: Headers, text: string, body: any}} Answer */

/**
 * Sends one request and checks the answer.
 *
 * @param {string} url  origin of the server
 * @param {string} target  path and query
 * @param {{method?: string, headers?: Record<string, string>, body?: string|Uint8Array}} [options]
 * @returns {Promise<Answer>}
 */
export async function send(url, target, { method = "POST", headers = {}, body } = {}) {
    const response = await fetch(url + target, { method, headers, body, redirect: "manual" });
    const text = await response.text();
    const contentType = response.headers.get("content-type");
    return {
        status: response.status,
        headers: response.headers,
        text,
        body: checkAnswer({ method, target, status: response.status, contentType, text, sent: body }),
    };
}

/** One key's view of the server. Routes are named without their `/v1/`, as in `jobs/create`. */
export class Api {
    /** @param {string} url @param {string|undefined} key */
    constructor(url, key) {
        this.url = url;
        this.key = key;
    }

    /** The answer of an RPC route, whatever it is. `input` undefined sends an empty object without `json`. */
    call(route, input, headers = {}) {
        const key = this.key === undefined ? {} : { "x-api-key": this.key };
        return send(this.url, `/v1/${route}`, {
            headers: { "content-type": "application/json", ...key, ...headers },
            body: JSON.stringify({ json: input }),
        });
    }

    /** What stands under `json` in a success. */
    async ok(route, input, headers) {
        const { status, body, text } = await this.call(route, input, headers);
        assert.equal(status, 200, `${route} answered ${status}: ${text.slice(0, 2000)}`);
        return body.json;
    }

    /** The error of an answer that must fail with `code`. */
    async fails(route, input, code, headers) {
        const { body, text } = await this.call(route, input, headers);
        assert.equal(body.json?.code, code, `${route} answered ${text.slice(0, 2000)}`);
        return body.json;
    }

    /** The issues of an answer that must be a refusal of its input. */
    async refuses(route, input) {
        const error = await this.fails(route, input, "BAD_REQUEST");
        assert.ok(Array.isArray(error.data?.issues), `${route} gave no issues: ${JSON.stringify(error)}`);
        // A rule of ours may say in a sentence what is wrong; whatever Zod finds has Zod's message.
        if (error.data.issues.every(({ code }) => code !== "custom")) {
            assert.equal(error.message, "Input validation failed");
        }
        return error.data.issues;
    }
}
