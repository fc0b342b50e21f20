// SPDX-License-Identifier: Apache-2.0
/**
 * Says what is wrong with a request to a model, in the words that a person who has to repair it needs:
 * first the schema that the provider publishes, then the rules that no schema can state.
 */
import Ajv from "ajv/dist/2020.js";
import { anthropicRequest, openaiRequest } from "./model-schemas.mjs";

const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true });
const CHECKS = { anthropic: ajv.compile(anthropicRequest), openai: ajv.compile(openaiRequest) };

/** Of one request; both providers refuse more. */
const MOST_CACHE_MARKS = 4;
/** Anthropic's bound on one image, in base64. */
const MOST_IMAGE_BYTES = 5 << 20;

/**
 * All that is wrong with a request.
 *
 * @param {"anthropic"|"openai"} provider
 * @param {any} body  parsed
 * @param {{text?: string, headers?: Record<string, string>, secrets?: string[]}} [more]  the body as it
 *   was sent; its headers; strings that must not be in the body in any form that a model can read
 * @returns {string[]} empty when all is well
 */
export function faults(provider, body, { text = JSON.stringify(body), headers, secrets = [] } = {}) {
    const check = CHECKS[provider];
    const found = check(body) ? [] : check.errors.filter(said).map((e) => `${e.instancePath || "/"} ${e.message}`);

    if (headers) found.push(...(provider === "anthropic" ? anthropicHeaders : openaiHeaders)(headers));
    found.push(...leaks(text, secrets));
    if (found.length === 0) found.push(...(provider === "anthropic" ? anthropicRules : openaiRules)(body));
    return found;
}

/** `if` and `anyOf` only repeat what the errors below them say. */
const said = ({ keyword }) => keyword !== "if" && keyword !== "anyOf";

function anthropicHeaders(headers) {
    return [
        !headers["x-api-key"] && "header x-api-key is missing",
        headers["anthropic-version"] !== "2023-06-01" && "header anthropic-version must be 2023-06-01",
        ...contentType(headers),
    ].filter(Boolean);
}

function openaiHeaders(headers) {
    return [
        // Local servers need no key, so an absent one is legal; a malformed one is not.
        "authorization" in headers &&
            !/^Bearer \S+$/.test(headers.authorization) &&
            "header authorization must be Bearer and a key",
        ...contentType(headers),
    ].filter(Boolean);
}

const contentType = (headers) =>
    /^application\/json\b/.test(headers["content-type"] ?? "") ? [] : ["header content-type must be application/json"];

/** A secret in plain text, or as JSON, URLs and base64 would carry it. */
function leaks(text, secrets) {
    return secrets.flatMap((secret) => {
        const escaped = (text) => JSON.stringify(text).slice(1, -1);
        // A tool's answer that quotes JSON is escaped twice.
        const forms = [secret, escaped(secret), escaped(escaped(secret)), encodeURIComponent(secret)];
        for (const shift of [0, 1, 2]) {
            // Whole base64 letters of the secret, whatever stands before it.
            const padded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString("base64");
            forms.push(padded.slice(shift === 0 ? 0 : shift + 1).replace(/.?.?=*$/, ""));
        }
        return forms.some((form) => form.length >= 6 && text.includes(form))
            ? [`a secret is in the body: ${secret.slice(0, 3)}...`]
            : [];
    });
}

// ---- Anthropic ----

function anthropicRules(body) {
    const { messages, tools = [] } = body;
    return [
        ...toolRules(tools.map(({ name, input_schema: schema }) => ({ name, schema }))),
        ...choiceRules(body.tool_choice?.name, body.tool_choice, tools.map(({ name }) => name)),
        ...cacheRules(body),
        ...alternation(messages),
        ...anthropicCalls(messages, new Set(tools.map(({ name }) => name))),
        ...everyBlock(messages)
            .filter(({ type, source }) => type === "image" && source.type === "base64")
            .flatMap(({ source }) => imageRules(source.media_type, source.data)),
    ];
}

const blocksOf = ({ content }) => (typeof content === "string" ? [{ type: "text", text: content }] : content);

function everyBlock(messages) {
    return messages
        .flatMap(blocksOf)
        .flatMap((block) => [block, ...(Array.isArray(block.content) ? block.content : [])]);
}

/**
 * The API joins neighbours of one role, and goes on with what an assistant has begun; a conversation
 * that we wrote has neither.
 */
function alternation(messages) {
    const found = messages
        .map(({ role }, i) => role !== (i % 2 === 0 ? "user" : "assistant") && `messages/${i}: roles must alternate, user first`)
        .filter(Boolean);
    if (messages.at(-1).role !== "user") found.push("the last message must be the user's");
    return found;
}

function anthropicCalls(messages, toolNames) {
    const found = [];
    const seen = new Set();
    let open = new Set();

    messages.forEach((message, i) => {
        const blocks = blocksOf(message);
        const answers = blocks.filter(({ type }) => type === "tool_result");

        if (message.role === "user") {
            const text = blocks.findIndex(({ type }) => type !== "tool_result");
            if (text >= 0 && blocks.slice(text).some(({ type }) => type === "tool_result"))
                found.push(`messages/${i}: tool_result blocks must come first`);
            found.push(...answered(i, open, answers.map(({ tool_use_id: id }) => id)));
            open = new Set();
        } else {
            for (const { id, name } of blocks.filter(({ type }) => type === "tool_use")) {
                if (seen.has(id)) found.push(`messages/${i}: the id ${id} was used before`);
                if (!toolNames.has(name)) found.push(`messages/${i}: there is no tool ${name}`);
                seen.add(id);
                open.add(id);
            }
        }
        for (const { is_error: failed, content, tool_use_id: id } of answers) {
            if (failed && (content === undefined || content === "" || content.length === 0))
                found.push(`messages/${i}: the error of ${id} must have content`);
        }
    });
    return found;
}

/** Every open call is answered exactly once, and nothing else is. */
function answered(i, open, ids) {
    return [
        ...[...open].filter((id) => !ids.includes(id)).map((id) => `messages/${i}: the call ${id} has no answer`),
        ...ids.filter((id) => !open.has(id)).map((id) => `messages/${i}: the answer ${id} has no call in the turn before`),
        ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `messages/${i}: the call ${id} is answered twice`),
    ];
}

/** In the order in which a prompt is read: tools, system, messages. A longer life may not follow a shorter one. */
function cacheRules({ tools = [], system, messages, cache_control: whole }) {
    const marks = [...tools, ...(Array.isArray(system) ? system : []), ...everyBlock(messages), { cache_control: whole }]
        .map(({ cache_control: mark }) => mark)
        .filter(Boolean);
    const found = [];
    if (marks.length > MOST_CACHE_MARKS) found.push(`${marks.length} cache_control marks, ${MOST_CACHE_MARKS} are allowed`);
    if (marks.some(({ ttl }, i) => ttl === "1h" && marks.slice(0, i).some((before) => before.ttl !== "1h")))
        found.push("a cache_control of 1h stands after one of 5m");
    return found;
}

// ---- OpenAI ----

function openaiRules(body) {
    const { messages } = body;
    const tools = (body.tools ?? []).map((tool) => tool.function);
    const named = typeof body.tool_choice === "object" ? body.tool_choice.function.name : undefined;
    return [
        ...toolRules(tools.map(({ name, parameters }) => ({ name, schema: parameters }))),
        ...choiceRules(named, body.tool_choice, tools.map(({ name }) => name)),
        ...("max_tokens" in body && "max_completion_tokens" in body
            ? ["max_tokens and max_completion_tokens exclude each other"]
            : []),
        ...("stream_options" in body && !body.stream ? ["stream_options needs stream"] : []),
        ...openaiTurns(messages, new Set(tools.map(({ name }) => name))),
        ...messages
            .flatMap(({ content }) => (Array.isArray(content) ? content : []))
            .map(({ image_url: image }) => /^data:(image\/\w+);base64,(.*)$/s.exec(image?.url ?? ""))
            .filter(Boolean)
            .flatMap(([, type, data]) => imageRules(type, data)),
    ];
}

/** A call's answers follow it at once, one message each; roles alternate besides. */
function openaiTurns(messages, toolNames) {
    const found = [];
    const seen = new Set();
    let calls = new Set();
    let answers = [];
    let last = "none";

    const settle = (i) => {
        found.push(...answered(i, calls, answers));
        calls = new Set();
        answers = [];
    };
    messages.forEach((message, i) => {
        if (message.role === "tool") {
            answers.push(message.tool_call_id);
            return;
        }
        const turn = calls.size > 0 || answers.length > 0 ? "tool" : last;
        settle(i);
        if (message.role === "system" || message.role === "developer") {
            if (i !== 0) found.push(`messages/${i}: instructions must come first`);
            return;
        }
        // After tools have answered, a user message may bring what a tool message cannot: an image.
        if (message.role === turn) found.push(`messages/${i}: two messages of ${turn} in a row`);
        if (message.role === "assistant" && turn === "none") found.push(`messages/${i}: the user speaks first`);
        for (const call of message.tool_calls ?? []) {
            if (seen.has(call.id)) found.push(`messages/${i}: the id ${call.id} was used before`);
            if (!toolNames.has(call.function.name)) found.push(`messages/${i}: there is no tool ${call.function.name}`);
            if (!isObject(call.function.arguments)) found.push(`messages/${i}: the arguments of ${call.id} are no JSON object`);
            seen.add(call.id);
            calls.add(call.id);
        }
        last = message.role;
    });
    settle(messages.length);
    if (messages.at(-1).role === "assistant") found.push("the last message must not be the assistant's");
    return found;
}

function isObject(text) {
    try {
        const value = JSON.parse(text);
        return typeof value === "object" && value !== null && !Array.isArray(value);
    } catch {
        return false;
    }
}

// ---- both ----

/** Names are unique, and each schema is one that a JSON Schema validator takes, about an object. */
function toolRules(tools) {
    const names = tools.map(({ name }) => name);
    const found = names.filter((name, i) => names.indexOf(name) !== i).map((name) => `two tools are called ${name}`);
    for (const { name, schema } of tools) {
        if (schema === undefined) continue;
        if (schema.type !== "object") found.push(`the schema of ${name} must be about an object`);
        try {
            new Ajv({ strict: true, allowUnionTypes: true, strictRequired: true }).compile(schema);
        } catch (error) {
            found.push(`the schema of ${name}: ${error.message}`);
        }
    }
    return found;
}

function choiceRules(name, choice, names) {
    if (choice !== undefined && names.length === 0) return ["tool_choice needs tools"];
    return name !== undefined && !names.includes(name) ? [`tool_choice names ${name}, which is no tool`] : [];
}

const MAGIC = {
    "image/png": (bytes) => bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex")),
    "image/jpeg": (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff,
    "image/gif": (bytes) => /^GIF8[79]a/.test(bytes.subarray(0, 6).toString("latin1")),
    "image/webp": (bytes) => /^RIFF....WEBP/s.test(bytes.subarray(0, 12).toString("latin1")),
};

function imageRules(type, data) {
    const bytes = Buffer.from(data, "base64");
    return [
        data.length % 4 !== 0 && "an image is not whole base64",
        data.length > MOST_IMAGE_BYTES && `an image has ${data.length} bytes of base64, ${MOST_IMAGE_BYTES} are allowed`,
        !MAGIC[type]?.(bytes) && `an image does not begin as ${type} does`,
    ].filter(Boolean);
}
