// SPDX-License-Identifier: Apache-2.0
/**
 * What a run has seen of a route, against what the route's row promises.
 *
 * A fact is a line such as "out error null" or "in headless true" or "error NOT_FOUND". Each answer
 * leaves some, and each row demands some: every field with a value, as null where it may be null and
 * absent where it may be absent, every word of an enumeration, both truths, every error of its list.
 */

const types = ({ type }) => (Array.isArray(type) ? type : [type]);
const named = (path, name) => (path ? `${path}.${name}` : name);

/** The words that a value of `schema` may be, where they are few. */
const words = (schema) =>
    schema.enum ?? (schema.const === undefined && types(schema).includes("boolean") ? [true, false] : undefined);

/** Facts that `value` shows of `schema`. */
function* shown(schema, value, path) {
    if (value === null) yield `${path} null`;
    else if (words(schema)) yield `${path} ${value}`;
    else if (schema.oneOf) yield `${path} ${Array.isArray(value) ? "array" : typeof value}`;
    else yield `${path} value`;
    if (Array.isArray(value) && schema.items) for (const item of value) yield* shown(schema.items, item, `${path}[]`);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return;
    for (const [name, below] of Object.entries(schema.properties ?? {})) {
        if (name in value) yield* shown(below, value[name], named(path, name));
        else yield `${named(path, name)} absent`;
    }
}

/** Facts that there must be of `schema`, once a value of it is seen. */
function* wanted(schema, path, optional) {
    if (words(schema)) for (const word of words(schema)) yield `${path} ${word}`;
    else if (schema.oneOf) for (const { type } of schema.oneOf) yield `${path} ${type}`;
    else yield `${path} value`;
    if (types(schema).includes("null")) yield `${path} null`;
    if (optional) yield `${path} absent`;
    if (schema.items) yield* wanted(schema.items, `${path}[]`, false);
    for (const [name, below] of Object.entries(schema.properties ?? {}))
        yield* wanted(below, named(path, name), !schema.required?.includes(name));
}

/** Facts of one call. `input` and `output` are what stood under `json`; `code` is that of an error. */
export function seen(route, { input, output, code }) {
    const facts = new Set();
    if (code !== undefined) facts.add(`error ${code}`);
    if (output !== undefined) {
        for (const fact of shown(route.output ?? {}, output, "")) facts.add(`out ${fact}`);
        if (input !== undefined)
            for (const fact of shown(route.input ?? {}, input ?? {}, "")) facts.add(`in ${fact}`);
    }
    return facts;
}

/** Every fact that a run must have seen of a route. */
export function demanded(route) {
    return [
        ...[...wanted(route.output ?? {}, "", false)].map((fact) => `out ${fact}`),
        ...[...wanted(route.input ?? {}, "", false)].map((fact) => `in ${fact}`),
        ...(route.errors ?? []).map((code) => `error ${code}`),
    ];
}
