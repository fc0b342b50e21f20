// SPDX-License-Identifier: Apache-2.0
/**
 * What the two providers publish about a request, as JSON Schemas: Anthropic's `POST /v1/messages`
 * and OpenAI's `POST /v1/chat/completions`. Only what a conversation with tools may use is here, and
 * everything else is refused, so that a field that no provider knows cannot slip in.
 */

const object = (properties, required = Object.keys(properties), more = {}) => ({
    type: "object",
    properties,
    required,
    additionalProperties: false,
    ...more,
});
const text = { type: "string" };
const oneOf = (...values) => ({ enum: values });

/** Letters, digits, dash and underscore: both providers, with lengths of their own. */
const toolName = (most) => ({ type: "string", pattern: `^[a-zA-Z0-9_-]{1,${most}}$` });
const BASE64 = { type: "string", pattern: "^[A-Za-z0-9+/]+={0,2}$" };

const cache = object({ type: oneOf("ephemeral"), ttl: oneOf("5m", "1h") }, ["type"]);
const marked = (properties) => object({ ...properties, cache_control: cache }, Object.keys(properties));

// Text that is empty, or nothing but white space, is refused by the API.
const textBlock = marked({ type: oneOf("text"), text: { type: "string", pattern: "\\S" } });
const imageBlock = marked({
    type: oneOf("image"),
    source: {
        oneOf: [
            object({
                type: oneOf("base64"),
                media_type: oneOf("image/jpeg", "image/png", "image/gif", "image/webp"),
                data: BASE64,
            }),
            object({ type: oneOf("url"), url: { type: "string", pattern: "^https://" } }),
        ],
    },
});
const toolUseBlock = marked({
    type: oneOf("tool_use"),
    id: { type: "string", pattern: "^[a-zA-Z0-9_-]+$" },
    name: toolName(128),
    input: { type: "object" },
});
const toolResultBlock = object(
    {
        type: oneOf("tool_result"),
        tool_use_id: { type: "string", pattern: "^[a-zA-Z0-9_-]+$" },
        content: {
            anyOf: [text, { type: "array", items: byType({ text: textBlock, image: imageBlock }) }],
        },
        is_error: { type: "boolean" },
        cache_control: cache,
    },
    ["type", "tool_use_id"],
);

/** Blocks told apart by their `type`, so that an error names the block that is wrong. */
function byType(blocks, key = "type") {
    return {
        type: "object",
        required: [key],
        properties: { [key]: oneOf(...Object.keys(blocks)) },
        allOf: Object.entries(blocks).map(([value, schema]) => ({
            if: { properties: { [key]: { const: value } }, required: [key] },
            then: schema,
        })),
    };
}

export const anthropicRequest = object(
    {
        model: { type: "string", minLength: 1 },
        max_tokens: { type: "integer", minimum: 1 },
        system: { anyOf: [text, { type: "array", minItems: 1, items: textBlock }] },
        messages: {
            type: "array",
            minItems: 1,
            maxItems: 100_000,
            items: byType(
                {
                    user: object({
                        role: oneOf("user"),
                        content: {
                            anyOf: [
                                { type: "string", pattern: "\\S" },
                                {
                                    type: "array",
                                    minItems: 1,
                                    items: byType({
                                        text: textBlock,
                                        image: imageBlock,
                                        tool_result: toolResultBlock,
                                    }),
                                },
                            ],
                        },
                    }),
                    assistant: object({
                        role: oneOf("assistant"),
                        content: {
                            anyOf: [
                                { type: "string", pattern: "\\S" },
                                {
                                    type: "array",
                                    minItems: 1,
                                    items: byType({ text: textBlock, tool_use: toolUseBlock }),
                                },
                            ],
                        },
                    }),
                },
                "role",
            ),
        },
        tools: {
            type: "array",
            items: object(
                {
                    type: oneOf("custom"),
                    name: toolName(128),
                    description: text,
                    input_schema: {
                        type: "object",
                        required: ["type"],
                        properties: { type: oneOf("object") },
                    },
                    cache_control: cache,
                },
                ["name", "input_schema"],
            ),
        },
        tool_choice: byType({
            auto: object({ type: oneOf("auto"), disable_parallel_tool_use: { type: "boolean" } }, ["type"]),
            any: object({ type: oneOf("any"), disable_parallel_tool_use: { type: "boolean" } }, ["type"]),
            tool: object(
                { type: oneOf("tool"), name: toolName(128), disable_parallel_tool_use: { type: "boolean" } },
                ["type", "name"],
            ),
            none: object({ type: oneOf("none") }),
        }),
        temperature: { type: "number", minimum: 0, maximum: 1 },
        top_p: { type: "number", minimum: 0, maximum: 1 },
        top_k: { type: "integer", minimum: 0 },
        stop_sequences: { type: "array", items: text },
        stream: { type: "boolean" },
        metadata: object({ user_id: text }, []),
        service_tier: oneOf("auto", "standard_only"),
        cache_control: cache,
    },
    ["model", "max_tokens", "messages"],
);

const textPart = object({ type: oneOf("text"), text });
const imagePart = object({
    type: oneOf("image_url"),
    image_url: object(
        {
            url: {
                type: "string",
                pattern: "^(https?://|data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$)",
            },
            detail: oneOf("auto", "low", "high"),
        },
        ["url"],
    ),
});
const texts = { anyOf: [text, { type: "array", minItems: 1, items: byType({ text: textPart }) }] };
const instructions = (role) => object({ role: oneOf(role), content: texts, name: text }, ["role", "content"]);

export const openaiRequest = object(
    {
        model: { type: "string", minLength: 1 },
        messages: {
            type: "array",
            minItems: 1,
            items: byType(
                {
                    system: instructions("system"),
                    developer: instructions("developer"),
                    user: object(
                        {
                            role: oneOf("user"),
                            name: text,
                            content: {
                                anyOf: [
                                    text,
                                    {
                                        type: "array",
                                        minItems: 1,
                                        items: byType({ text: textPart, image_url: imagePart }),
                                    },
                                ],
                            },
                        },
                        ["role", "content"],
                    ),
                    assistant: object(
                        {
                            role: oneOf("assistant"),
                            name: text,
                            content: { anyOf: [{ type: "null" }, ...texts.anyOf] },
                            refusal: { type: ["string", "null"] },
                            tool_calls: {
                                type: "array",
                                minItems: 1,
                                items: object({
                                    id: { type: "string", minLength: 1 },
                                    type: oneOf("function"),
                                    function: object({ name: toolName(64), arguments: text }),
                                }),
                            },
                        },
                        ["role"],
                        // The content may be left out or null only where tools are called.
                        {
                            if: { not: { required: ["tool_calls"] } },
                            then: { required: ["content"], properties: { content: { not: { type: "null" } } } },
                        },
                    ),
                    tool: object({ role: oneOf("tool"), content: texts, tool_call_id: text }),
                },
                "role",
            ),
        },
        tools: {
            type: "array",
            minItems: 1,
            maxItems: 128,
            items: object({
                type: oneOf("function"),
                function: object(
                    {
                        name: toolName(64),
                        description: text,
                        parameters: { type: "object" },
                        strict: { type: ["boolean", "null"] },
                    },
                    ["name"],
                ),
            }),
        },
        tool_choice: {
            anyOf: [
                oneOf("none", "auto", "required"),
                object({ type: oneOf("function"), function: object({ name: toolName(64) }) }),
            ],
        },
        parallel_tool_calls: { type: "boolean" },
        max_tokens: { type: "integer", minimum: 1 },
        max_completion_tokens: { type: "integer", minimum: 1 },
        temperature: { type: "number", minimum: 0, maximum: 2 },
        top_p: { type: "number", minimum: 0, maximum: 1 },
        seed: { type: "integer" },
        stop: { anyOf: [text, { type: "array", items: text, maxItems: 4 }] },
        stream: { type: "boolean" },
        stream_options: object({ include_usage: { type: "boolean" } }),
        user: text,
        prompt_cache_key: text,
        reasoning_effort: oneOf("none", "minimal", "low", "medium", "high", "xhigh"),
        store: { type: "boolean" },
        n: { const: 1 },
    },
    ["model", "messages"],
);
