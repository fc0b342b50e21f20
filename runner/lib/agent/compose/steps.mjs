// SPDX-License-Identifier: Apache-2.0
//
// Recorded actions as statements. Each finds its element by the ways that the recording offers,
// best first; what equals a param is written as an input.

import { oneLine } from "../text.mjs";
import { isSecretField, maskAddress } from "../recorded.mjs";
import { rankOf, VAGUE, wayOf } from "./locator.mjs";

const WAYS_MOST = 4;
const NEARBY_MOST = 60;
const WORDS = /^(getBy|filter)/;
const FIELD = new Set(["fill", "type", "select", "check", "uncheck", "upload"]);

/** What a click on a plain element of this kind is, to those who read the page. */
const CLICKED = [
    [/(^|[\s>])button\b|\[type=["']?(submit|button)/i, "button"],
    [/(^|[\s>])a\b/i, "link"],
];

/** Fields that go together with a password. */
const ACCOUNT = /user|e-?mail|login|account/i;

export class Steps {
    /** @param {{ inputs: import("./inputs.mjs").Inputs, credentialNames: string[] }} options */
    constructor({ inputs, credentialNames }) {
        this.inputs = inputs;
        this.stored = credentialNames;
        this.credentials = new Set();
        this.lines = [];
        this.said = [];
        this.helpers = new Set();
        this.pages = new Map();
        this.page = "page";
    }

    /** @param {import("../recorded.mjs").Action[]} actions */
    write(actions, initialUrl) {
        this.signsIn = actions.some(({ secret }) => secret);
        const [first] = actions;
        this.pages.set(first.page, "page");
        if (first.action !== "goto") this.#goto(initialUrl);

        actions.forEach((action, i) => {
            this.page = this.#pageOf(action);
            const next = actions[i + 1];
            const opens =
                next !== undefined &&
                next.page !== null &&
                !this.pages.has(next.page) &&
                next.action !== "goto";
            this.#step(action, opens ? next.page : null);
        });
    }

    #pageOf({ page, action }) {
        if (page === null) return this.page;
        if (!this.pages.has(page)) {
            const name = `page${this.pages.size + 1}`;
            this.pages.set(page, name);
            if (action === "goto")
                this.lines.push(`const ${name} = await page.context().newPage();`);
        }
        return this.pages.get(page);
    }

    #goto(url) {
        const { code } = this.inputs.address(url);
        this.#say(`Open ${maskAddress(url)}`);
        this.lines.push(`await ${this.page}.goto(${code});`);
    }

    #say(sentence) {
        const clean = oneLine(sentence, 140);
        this.said.push(clean);
        this.lines.push("", `// ${clean}`);
    }

    #step(action, opened) {
        switch (action.action) {
            case "goto":
                return this.#goto(action.url);
            case "reload":
            case "goBack":
            case "goForward":
                this.#say(
                    { reload: "Load the page again", goBack: "Go back", goForward: "Go forward" }[
                        action.action
                    ],
                );
                this.lines.push(`await ${this.page}.${action.action}();`);
                return undefined;
            case "press":
                if (action.ways.length === 0) {
                    this.#say(`Press ${action.value}`);
                    return this.#do(
                        `${this.page}.keyboard.press(${JSON.stringify(action.value)})`,
                        opened,
                    );
                }
                return this.#onElement(action, opened);
            default:
                return this.#onElement(action, opened);
        }
    }

    #onElement(action, opened) {
        const { ways, words } = this.#ways(action);
        const { call, sentence } = this.#call(action, words);

        this.#say(`${sentence} ${words}`);
        const helper = FIELD.has(action.action) ? "field" : "element";
        this.helpers.add(helper);
        const list =
            ways.length === 1
                ? `[${ways[0]}]`
                : `[\n${ways.map((way) => `    ${way},\n`).join("")}]`;
        this.#do(`(await ${helper}(${this.page}, ${list})).${call}`, opened);
    }

    #do(statement, opened) {
        if (opened === null) {
            this.lines.push(`await ${statement};`);
            return;
        }
        const name = `page${this.pages.size + 1}`;
        this.pages.set(opened, name);
        this.lines.push(
            `const ${name}Opens = ${this.page}.waitForEvent("popup");`,
            `await ${statement};`,
            `const ${name} = await ${name}Opens;`,
        );
    }

    /** The recorded ways as code, best first, and what the element is called. */
    #ways(action) {
        const found = [];
        const add = (way, order) => {
            if (way !== null) found.push({ way, rank: rankOf(way), order });
        };

        action.ways.forEach((recorded, i) => add(wayOf(recorded), i));
        add(this.#byNearbyText(action), action.ways.length);
        found.sort((a, b) => a.rank - b.rank || a.order - b.order);

        const clear = found.filter(({ rank }) => rank < VAGUE);
        const written = (clear.length > 0 ? clear : found).map(({ way }) => ({
            way,
            ...this.#code(way),
        }));
        /* Where one way follows an input, a way that does not would find what was recorded. */
        const follows = written.filter(({ input }) => input);
        const kept = follows.length > 0 ? follows : written;
        const unique = [...new Map(kept.map((one) => [one.code, one])).values()].slice(
            0,
            WAYS_MOST,
        );
        return { ways: unique.map(({ code }) => code), words: wordsOf(unique[0].way) };
    }

    #byNearbyText({ action, nearby, target, ways }) {
        if (nearby === null || nearby.length > NEARBY_MOST) return null;
        if (action !== "click" && action !== "dblclick") return null;
        const kind = CLICKED.find(([pattern]) => pattern.test(target ?? ways[0] ?? ""));
        return kind === undefined
            ? null
            : [{ method: "getByRole", args: [kind[1], { name: nearby }] }];
    }

    #code(way) {
        let input = false;
        const value = (one, words) => {
            if (typeof one === "string") {
                const text = words ? this.inputs.text(one) : this.#css(one);
                input ||= text.input;
                return text.code;
            }
            if (one !== null && typeof one === "object") {
                if (typeof one.regex === "string") return one.regex;
                return `{ ${Object.entries(one)
                    .map(([key, inner]) => `${key}: ${value(inner, true)}`)
                    .join(", ")} }`;
            }
            return String(one);
        };
        const calls = way.map(({ method, args }) => {
            const written = args.map((arg, i) =>
                value(arg, WORDS.test(method) && !(method === "getByRole" && i === 0)),
            );
            return `.${method}(${written.join(", ")})`;
        });
        return { code: this.page + calls.join(""), input };
    }

    /* In CSS only what stands in quotes can be an input. */
    #css(selector) {
        const quoted = /(["'])([^"'\\]+)\1/.exec(selector);
        if (quoted === null) return { code: JSON.stringify(selector), input: false };
        const inner = this.inputs.forValue(quoted[2]);
        if (inner === null) return { code: JSON.stringify(selector), input: false };
        const head = JSON.stringify(selector.slice(0, quoted.index));
        const tail = JSON.stringify(selector.slice(quoted.index + quoted[0].length));
        return { code: `${head} + JSON.stringify(${inner}) + ${tail}`, input: true };
    }

    #call(action, words) {
        const { value } = action;

        switch (action.action) {
            case "fill":
                return { call: `fill(${this.#typed(action)})`, sentence: "Fill" };
            case "type":
                return { call: `pressSequentially(${this.#typed(action)})`, sentence: "Type into" };
            case "press":
                return { call: `press(${JSON.stringify(value)})`, sentence: `Press ${value} in` };
            case "select": {
                const all = Array.isArray(value) ? value : [String(value)];
                const codes = all.map((one) => this.inputs.forValue(one) ?? JSON.stringify(one));
                return {
                    call: `selectOption(${codes.length === 1 ? codes[0] : `[${codes.join(", ")}]`})`,
                    sentence: "Choose in",
                };
            }
            case "check":
            case "uncheck": {
                const on = action.action === "check" && value !== "false" && value !== false;
                const leaf = this.inputs.forSwitch([words, ...action.ways].join(" "));
                const state =
                    leaf === null ? String(on) : leaf.value === on ? leaf.code : `!${leaf.code}`;
                return { call: `setChecked(${state})`, sentence: on ? "Tick" : "Untick" };
            }
            case "upload":
                return { call: `setInputFiles(${this.#files(value)})`, sentence: "Upload to" };
            default:
                return {
                    call: `${action.action}()`,
                    sentence: { click: "Click", dblclick: "Double-click", hover: "Point at" }[
                        action.action
                    ],
                };
        }
    }

    /** What is typed: an input, a credential, or the recorded text. A secret is never written down. */
    #typed(action) {
        const input = this.inputs.forValue(action.value);
        if (input !== null) return input;

        const words = action.ways.join(" ");
        if (action.secret) return this.#credential(isSecretField, "password");
        if (this.signsIn && ACCOUNT.test(words)) {
            const known = this.stored.find((name) => ACCOUNT.test(name) && !isSecretField(name));
            if (known !== undefined) return this.#credential((name) => name === known, known);
        }
        return JSON.stringify(String(action.value));
    }

    #credential(fits, otherwise) {
        const name = this.stored.find(fits) ?? otherwise;
        this.credentials.add(name);
        this.helpers.add("credential");
        return `credential(input.credentials, ${JSON.stringify(name.toLowerCase())})`;
    }

    #files(value) {
        const names = (Array.isArray(value) ? value : [String(value ?? "file.txt")]).map((path) =>
            path.replace(/^.*[/\\]/, ""),
        );
        this.helpers.add("fileFrom");
        const codes = names.map((name) => {
            const leaf = this.inputs.forValue(name) ?? this.#fileInput(name);
            return `fileFrom(${JSON.stringify(name)}, ${leaf ?? '""'})`;
        });
        return codes.length === 1 ? codes[0] : `[${codes.join(", ")}]`;
    }

    /** The content of a file is not recorded: an input named like one is it. */
    #fileInput(name) {
        const stem = name.replace(/\.\w+$/, "").toLowerCase();
        const leaf = this.inputs.leaves.find(
            (one) =>
                typeof one.value === "string" &&
                (/file|upload|attachment|document/i.test(one.name) ||
                    one.name.toLowerCase() === stem ||
                    one.value.startsWith("data:")),
        );
        if (leaf === undefined) return null;
        this.inputs.used.add(leaf.code);
        return leaf.code;
    }
}

function wordsOf(way) {
    const named = way.findLast(({ method }) => method.startsWith("getBy"));
    if (named === undefined)
        return String(way.find(({ method }) => method === "locator")?.args[0] ?? "it");
    const [first, second] = named.args;
    const name = named.method === "getByRole" ? (second?.name ?? first) : first;
    return typeof name === "string" ? `"${name}"` : String(name?.regex ?? "it");
}
