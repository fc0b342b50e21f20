// SPDX-License-Identifier: Apache-2.0
//
// Recorded selectors as calls on a page: [{ method, args }]. Recorders write CSS, Playwright's
// selector strings, or locator expressions; an expression is parsed, never run, and only the calls
// in LEGAL come out again. What CSS says by an attribute that people can see is said by its name.

const LEGAL = new Set([
    "getByRole",
    "getByText",
    "getByLabel",
    "getByPlaceholder",
    "getByAltText",
    "getByTitle",
    "getByTestId",
    "locator",
    "frameLocator",
    "contentFrame",
    "filter",
    "first",
    "last",
    "nth",
]);

const RANK = [
    "getByRole",
    "getByLabel",
    "getByPlaceholder",
    "getByText",
    "getByAltText",
    "getByTitle",
    "getByTestId",
];

/**
 * @typedef {string | number | boolean | { regex: string } | { [key: string]: any }} Value
 * @typedef {{ method: string, args: Value[] }[]} Way
 * @param {string} recorded
 * @returns {Way | null} null when it is nothing that can be used
 */
export function wayOf(recorded) {
    const expression = parseExpression(recorded);
    if (expression !== null) return expression;
    if (/^(page|this|await)\b.*\(/.test(recorded) || /[\n\r]/.test(recorded)) return null;
    return semanticOf(recorded) ?? [{ method: "locator", args: [recorded] }];
}

/** A kind of element and nothing more: of use only when there is nothing else. */
export const VAGUE = 50;

/** Lower is better: by role and name, by what people see, by test id, by CSS; places last. */
export function rankOf(way) {
    const last = way.findLast(({ method }) => !["first", "last", "nth", "filter"].includes(method));
    const named = RANK.indexOf(last?.method);

    if (named === 0 && way.length === 1 && last.args[1]?.name === undefined) return RANK.length + 1;
    if (named >= 0) return named;
    const css = String(last?.args[0] ?? "");
    if (/^[a-z][a-z0-9]*$/i.test(css)) return VAGUE;
    if (/^(xpath=|\/\/)/.test(css)) return 40;
    if (/nth-|:eq\(|>>\s*nth/.test(css)) return 30;
    if (/^[\w-]*#[\w-]+$/.test(css))
        return /\d{3}|[:_]r\w+[:_]/.test(css) ? 31 : 10; /* made up, then */
    return 20 + Math.min(9, css.split(/[\s>]+/).length);
}

// ---- CSS and selector strings ----

const ROLES = { button: "button", a: "link", h1: "heading", h2: "heading", h3: "heading" };
const STRING = `(?:"((?:[^"\\\\]|\\\\.)*)"|'((?:[^'\\\\]|\\\\.)*)')`;
const ATTRIBUTE = new RegExp(`^([a-z][a-z0-9]*)?\\[([\\w-]+)=${STRING}\\]$`, "i");
const HAS_TEXT = new RegExp(`^([a-z][a-z0-9]*):(?:has-text|text|text-is)\\(${STRING}\\)$`, "i");
const ROLE_ENGINE = new RegExp(
    `^(?:internal:)?role=([a-z]+)(?:\\[name=${STRING}([is]?)\\])?$`,
    "i",
);
const TEXT_ENGINE = /^(?:internal:)?text=(?:"((?:[^"\\]|\\.)*)"[is]?|([^"].*))$/i;
const INTERNAL = new RegExp(
    `^internal:(?:(label)=${STRING}[is]?|attr=\\[(\\w+)=${STRING}[is]?\\]|testid=\\[[\\w-]+=${STRING}s?\\])$`,
);

const BY_ATTRIBUTE = {
    "data-testid": "getByTestId",
    "aria-label": "getByLabel",
    placeholder: "getByPlaceholder",
    title: "getByTitle",
    alt: "getByAltText",
};

function semanticOf(selector) {
    let found;

    if ((found = ROLE_ENGINE.exec(selector))) {
        const name = unescaped(found[2] ?? found[3]);
        return [call("getByRole", found[1], ...(name === undefined ? [] : [{ name }]))];
    }
    if ((found = INTERNAL.exec(selector))) {
        if (found[1]) return [call("getByLabel", unescaped(found[2] ?? found[3]))];
        if (found[4] && BY_ATTRIBUTE[found[4]])
            return [call(BY_ATTRIBUTE[found[4]], unescaped(found[5] ?? found[6]))];
        if (!found[4]) return [call("getByTestId", unescaped(found[7] ?? found[8]))];
    }
    if ((found = TEXT_ENGINE.exec(selector)) && !/>>/.test(selector)) {
        return found[1] === undefined
            ? [call("getByText", found[2].trim())]
            : [call("getByText", unescaped(found[1]), { exact: true })];
    }
    if ((found = HAS_TEXT.exec(selector))) {
        const name = unescaped(found[2] ?? found[3]);
        const role = ROLES[found[1].toLowerCase()];
        if (role !== undefined) return [call("getByRole", role, { name })];
    }
    if ((found = ATTRIBUTE.exec(selector))) {
        const [, tag = "", name, one, other] = found;
        const value = unescaped(one ?? other);
        const role = ROLES[tag.toLowerCase()];

        if (name === "aria-label" && role !== undefined)
            return [call("getByRole", role, { name: value })];
        if (BY_ATTRIBUTE[name] !== undefined) return [call(BY_ATTRIBUTE[name], value)];
    }
    return null;
}

function call(method, ...args) {
    return { method, args };
}

function unescaped(words) {
    return words?.replace(/\\(.)/g, "$1");
}

// ---- locator expressions ----

/** `page.getByRole('button', { name: 'Go' }).first()`, with or without `page.` in front. */
function parseExpression(source) {
    const text = source.replace(/^(await\s+)?(page|this\.page)\s*\./, "").trim();
    if (!/^\w+\s*\(/.test(text)) return null;

    const reader = new Reader(text);
    const way = [];
    try {
        for (;;) {
            const method = reader.word();
            if (!LEGAL.has(method)) return null;
            way.push({ method, args: reader.args() });
            if (reader.done()) return way;
            reader.take(".");
        }
    } catch {
        return null;
    }
}

/** As much of JavaScript as the arguments of a locator need: literals. */
class Reader {
    constructor(text) {
        this.text = text;
        this.at = 0;
    }

    #match(pattern) {
        pattern.lastIndex = this.at;
        const found = pattern.exec(this.text);
        if (found === null) throw new SyntaxError(`unexpected at ${this.at}`);
        this.at = pattern.lastIndex;
        return found;
    }

    take(sign) {
        this.#match(/\s*/y);
        if (!this.text.startsWith(sign, this.at)) throw new SyntaxError(`${sign} expected`);
        this.at += sign.length;
        this.#match(/\s*/y);
    }

    #next(sign) {
        this.#match(/\s*/y);
        return this.text.startsWith(sign, this.at);
    }

    done() {
        return this.#match(/\s*;?\s*/y) && this.at === this.text.length;
    }

    word() {
        return this.#match(/[A-Za-z_$][\w$]*/y)[0];
    }

    args() {
        return this.#list("(", ")", () => this.value());
    }

    #list(open, close, read) {
        const items = [];
        this.take(open);
        while (!this.#next(close)) {
            items.push(read());
            if (!this.#next(close)) this.take(",");
        }
        this.take(close);
        return items;
    }

    value() {
        const sign = this.text[this.at];

        if (sign === "{") {
            const pairs = this.#list("{", "}", () => {
                const key = /["']/.test(this.text[this.at]) ? this.value() : this.word();
                this.take(":");
                return [key, this.value()];
            });
            return Object.fromEntries(pairs);
        }
        if (sign === '"' || sign === "'" || sign === "`") {
            const [, words] = this.#match(
                sign === '"'
                    ? /"((?:[^"\\\n]|\\.)*)"/y
                    : sign === "'"
                      ? /'((?:[^'\\\n]|\\.)*)'/y
                      : /`((?:[^`\\$]|\\.)*)`/y,
            );
            return words.replace(/\\(.)/g, (_all, c) => ({ n: "\n", t: "\t" })[c] ?? c);
        }
        if (sign === "/")
            return {
                regex: this.#match(/\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[gimsu]*/y)[0],
            };
        const word = this.#match(/-?\d+(?:\.\d+)?|true|false/y)[0];
        return word === "true" || (word === "false" ? false : Number(word));
    }
}
