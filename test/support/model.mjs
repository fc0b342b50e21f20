// SPDX-License-Identifier: Apache-2.0
/**
 * A model that says what a test wants it to say. It listens on loopback, speaks Anthropic's Messages API
 * and OpenAI's chat completions, checks every request as the providers would and more strictly, and plays
 * a script. A request that is wrong gets the provider's 400, and is kept in `faults`: a suite that ends
 * with `model.faults` empty has sent nothing that a provider would refuse.
 *
 * A script is a list of turns, or a function of the request that gives the next one. A turn is
 *
 *   { text?, calls?: [{ tool, input }] }      what the model says; `calls` may be one object
 *   { calls: [{ tool, id: "1" }] }            a call with this id, where ids differ as a rule
 *   { calls: [{ tool, raw: "{not json" }] }   a call whose arguments are not JSON (OpenAI sends them as
 *                                             text; Anthropic's API cannot, and sends a string as input)
 *   { fail: "429", after: 1 }                 429 with Retry-After, 529 or 500; the turn after it is played
 *                                             when the client tries again
 *   { fail: "garbage" | "empty" | "drop" }    an answer that is not JSON, one without content, and a
 *                                             connection that is cut in the middle of the answer
 *   { fail: "slow", gate: promise, turn }     waits for `gate` before it answers with `turn`
 */
import { createServer } from "node:http";
import { once } from "node:events";
import { faults } from "./model-check.mjs";

/** What the scripted model's key begins with, so that a leaked one is recognised. */
export const MODEL_KEY = "sk-canary-7f3a9c51e2d84b06";

export class Model {
    #server;
    #script;
    #next = 0;
    #ids = 0;
    #waiting = [];
    #sockets = new Set();

    /** All requests, in order: `{provider, body, headers}`. */
    requests = [];
    /** All that was wrong with them, a line each. */
    faults = [];
    /** Values that no request may carry, besides the key. */
    secrets = [];

    /**
     * @param {object[] | ((request: {provider: string, body: any, turn: number, results: object[]}) => object | Promise<object>)} script
     * @param {{secrets?: string[]}} [options]
     * @returns {Promise<Model>}
     */
    static async open(script = [], { secrets = [] } = {}) {
        const model = new Model();
        model.#script = script;
        model.secrets = secrets;
        model.#server = createServer((request, response) => {
            model.#answer(request, response).catch((error) => {
                model.faults.push(`the scripted model itself: ${error.stack}`);
                response.destroy();
            });
        });
        model.#server.on("connection", (socket) => {
            model.#sockets.add(socket);
            socket.once("close", () => model.#sockets.delete(socket));
        });
        model.#server.listen(0, "127.0.0.1");
        await once(model.#server, "listening");
        model.url = `http://127.0.0.1:${model.#server.address().port}`;
        return model;
    }

    /** The settings of a server that uses this model. */
    settings(provider, more = {}) {
        return {
            IMPRESARIO_MODEL_PROVIDER: provider,
            IMPRESARIO_MODEL_BASE_URL: provider === "openai" ? `${this.url}/v1` : this.url,
            IMPRESARIO_MODEL_API_KEY: MODEL_KEY,
            IMPRESARIO_MODEL: "scripted-1",
            ...more,
        };
    }

    /** Plays another script from its beginning. */
    play(script) {
        this.#script = script;
        this.#next = 0;
    }

    /** Resolves when `count` requests have come, now or earlier. */
    async asked(count) {
        if (this.requests.length >= count) return;
        await new Promise((resolve) => this.#waiting.push({ count, resolve }));
    }

    async #answer(request, response) {
        const provider = { "/v1/messages": "anthropic", "/v1/chat/completions": "openai" }[
            request.url.split("?")[0]
        ];
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const text = Buffer.concat(chunks).toString("utf8");

        if (!provider || request.method !== "POST") {
            this.faults.push(`${request.method} ${request.url} is no route of a model`);
            return json(response, 404, { error: { type: "not_found_error", message: "no such route" } });
        }
        let body;
        try {
            body = JSON.parse(text);
        } catch (error) {
            return this.#refuse(provider, response, [`the body is not JSON: ${error.message}`]);
        }
        const wrong = faults(provider, body, { text, headers: request.headers, secrets: [MODEL_KEY, ...this.secrets] });
        this.requests.push({ provider, body, headers: request.headers });
        this.#waiting = this.#waiting.filter(
            ({ count, resolve }) => this.requests.length < count || void resolve(),
        );
        if (wrong.length > 0) return this.#refuse(provider, response, wrong);
        if (key(provider, request.headers) !== MODEL_KEY)
            return json(response, 401, failure(provider, "authentication_error", "invalid key"));

        await this.#play(provider, body, response, await this.#turn(provider, body));
    }

    #refuse(provider, response, wrong) {
        this.faults.push(...wrong.map((each) => `request ${this.requests.length}: ${each}`));
        json(response, 400, failure(provider, "invalid_request_error", wrong.join("; ")));
    }

    async #turn(provider, body) {
        const turn = this.#next++;
        if (typeof this.#script === "function")
            return this.#script({ provider, body, turn, results: resultsOf(provider, body) });
        return this.#script[turn] ?? { text: "The script has ended." };
    }

    async #play(provider, body, response, turn) {
        switch (turn.fail) {
            case "429":
                response.setHeader("retry-after", String(turn.after ?? 1));
                return json(response, 429, failure(provider, "rate_limit_error", "too many requests"));
            case "529":
                return json(response, 529, failure(provider, "overloaded_error", "Overloaded"));
            case "500":
                return json(response, 500, failure(provider, "api_error", "Internal server error"));
            case "400":
                return json(response, 400, failure(provider, "invalid_request_error", turn.message ?? "no"));
            case "garbage":
                response.writeHead(200, { "content-type": "application/json" });
                return response.end('{"id": "msg_1", "content": [{"type": "te');
            case "empty":
                return json(response, 200, encode(provider, body, {}, () => ""));
            case "drop": {
                const whole = JSON.stringify(encode(provider, body, { text: "cut short" }, () => ""));
                response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
                response.write(whole.slice(0, whole.length >> 1), () => response.destroy());
                return;
            }
            case "slow":
                await turn.gate;
                return this.#play(provider, body, response, turn.turn ?? { text: "At last." });
            default:
                return json(response, 200, encode(provider, body, turn, () => `call_${(this.#ids += 1)}`));
        }
    }

    async close() {
        this.#server.close();
        for (const socket of this.#sockets) socket.destroy();
        await once(this.#server, "close").catch(() => {});
    }
}

const key = (provider, headers) =>
    provider === "anthropic" ? headers["x-api-key"] : headers.authorization?.replace(/^Bearer /, "");

function json(response, status, value) {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
}

function failure(provider, type, message) {
    return provider === "anthropic"
        ? { type: "error", error: { type, message }, request_id: "req_scripted" }
        : { error: { message, type, param: null, code: null } };
}

/** A turn as the provider's answer. Tokens are counted as four characters each, for both directions. */
function encode(provider, body, { text, calls = [] }, newId) {
    const said = [calls].flat();
    const tokens = (value) => Math.ceil(JSON.stringify(value).length / 4);
    const input = tokens(body.messages);
    const output = tokens([text, said]);

    if (provider === "anthropic") {
        return {
            id: "msg_scripted",
            type: "message",
            role: "assistant",
            model: body.model,
            content: [
                ...(text ? [{ type: "text", text }] : []),
                ...said.map(({ tool, input: given, raw, id }) => ({
                    type: "tool_use",
                    id: id ?? `toolu_${newId()}`,
                    name: tool,
                    input: raw ?? given ?? {},
                })),
            ],
            stop_reason: said.length > 0 ? "tool_use" : "end_turn",
            stop_sequence: null,
            usage: {
                input_tokens: input,
                output_tokens: output,
                cache_creation_input_tokens: 0,
                cache_read_input_tokens: 0,
            },
        };
    }
    const toolCalls = said.map(({ tool, input: given, raw, id }) => ({
        id: id ?? newId(),
        type: "function",
        function: { name: tool, arguments: raw ?? JSON.stringify(given ?? {}) },
    }));
    return {
        id: "chatcmpl-scripted",
        object: "chat.completion",
        created: 1_700_000_000,
        model: body.model,
        choices: [
            {
                index: 0,
                message: {
                    role: "assistant",
                    content: text ?? null,
                    refusal: null,
                    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
                },
                logprobs: null,
                finish_reason: toolCalls.length > 0 ? "tool_calls" : "stop",
            },
        ],
        usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    };
}

/** What the tools answered last, as plain text: for scripts that decide by it. */
export function resultsOf(provider, { messages }) {
    const plain = (content) =>
        typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("\n");

    if (provider === "anthropic") {
        const { content } = messages.at(-1);
        return (typeof content === "string" ? [] : content)
            .filter(({ type }) => type === "tool_result")
            .map(({ content: each, is_error: failed }) => ({ text: plain(each), failed: failed === true }));
    }
    const last = messages.findLastIndex(({ role }) => role === "assistant");
    return messages
        .slice(last + 1)
        .filter(({ role }) => role === "tool")
        .map(({ content }) => ({ text: plain(content), failed: false }));
}
