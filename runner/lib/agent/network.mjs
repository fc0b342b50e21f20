// SPDX-License-Identifier: Apache-2.0
//
// The requests of a build's browser, numbered from 1. Bodies of data are taken when they arrive,
// because a browser forgets them at the next navigation.

import { Failure } from "../failure.mjs";
import { oneLine, shownAddress } from "./text.mjs";

const KEPT_MOST = 1_000;
const BODY_MOST = 512 * 1024;
const BODIES_MOST = 16 * 1024 * 1024;
const BODY_MS = 3_000;
const TAKING_MOST = 16; /* a page that asks without end gets fewer of its bodies kept */
const LIST_CHARACTERS = 14_000;
const PART_CHARACTERS = 12_000;

const DATA = new Set(["document", "xhr", "fetch", "eventsource", "websocket", "other"]);
const TAKEN = new Set(["document", "xhr", "fetch"]);
const PASSING = new Set(["eventsource", "websocket", "media", "ping"]);

/** Shown with a body. Who a request comes from is no matter of a model. */
const HEADERS =
    /^(content-(type|length|disposition|encoding)|accept|origin|referer|location|link|retry-after|x-(?!forwarded).*)$/;
const SECRET_HEADERS =
    /^(authorization|cookie|set-cookie|proxy-authorization)$|token|secret|api-?key|csrf|xsrf|session/;

export class NetworkList {
    #entries = new Map();
    #byRequest = new WeakMap();
    #count = 0;
    #pending = new Map();
    #bodies = [];
    #bodyBytes = 0;
    #taking = 0;

    constructor(context) {
        context.on("request", (request) => this.#asked(request));
        context.on("response", (response) => this.#answered(response));
        context.on("requestfinished", (request) => this.#ended(request));
        context.on("requestfailed", (request) =>
            this.#ended(request, request.failure()?.errorText),
        );
    }

    /** Requests under way, but for those that stay open by their nature and those that hang. */
    pending() {
        const now = performance.now();
        let count = 0;
        for (const since of this.#pending.values()) if (now - since < 10_000) count++;
        return count;
    }

    #asked(request) {
        const entry = {
            number: ++this.#count,
            request,
            response: null,
            method: request.method(),
            url: request.url(),
            type: request.resourceType(),
            status: null,
            error: null,
            body: null,
        };

        this.#entries.set(entry.number, entry);
        this.#byRequest.set(request, entry);
        if (!PASSING.has(entry.type)) this.#pending.set(request, performance.now());
        if (this.#entries.size > KEPT_MOST) this.#entries.delete(this.#entries.keys().next().value);
    }

    #answered(response) {
        const entry = this.#byRequest.get(response.request());
        if (entry === undefined) return;
        entry.response = response;
        entry.status = response.status();
        entry.media = oneLine(response.headers()["content-type"] ?? "", 60);
    }

    async #ended(request, error = null) {
        const entry = this.#byRequest.get(request);

        this.#pending.delete(request);
        if (entry === undefined) return;
        entry.error = error;
        if (error !== null || !TAKEN.has(entry.type) || entry.response === null) return;
        if (this.#taking >= TAKING_MOST) return;
        this.#taking++;
        await this.#take(entry);
        this.#taking--;
    }

    async #take(entry) {
        const claimed = Number(entry.response.headers()["content-length"] ?? 0);
        if (claimed > BODY_MOST) return;

        const body = await bodyOf(entry.response);
        if (body === null) return;
        entry.size = body.length;
        if (body.length > BODY_MOST) return;
        entry.body = body;
        this.#bodies.push(entry);
        this.#bodyBytes += body.length;
        while (this.#bodyBytes > BODIES_MOST) {
            const oldest = this.#bodies.shift();
            this.#bodyBytes -= oldest.body.length;
            oldest.body = null;
        }
    }

    /** @param {{ filter?: string, method?: string, after?: number, all?: boolean }} input */
    list({ filter = "", method = "", after = 0, all = false }) {
        const wanted = [...this.#entries.values()].filter(
            (entry) =>
                entry.number > Number(after) &&
                (all === true || DATA.has(entry.type)) &&
                entry.url.toLowerCase().includes(String(filter).toLowerCase()) &&
                (method === "" || entry.method === String(method).toUpperCase()),
        );
        const lines = [];
        let size = 0;

        for (const [i, entry] of wanted.entries()) {
            const line = describe(entry);
            size += line.length + 1;
            if (size > LIST_CHARACTERS) {
                lines.push(
                    `… ${wanted.length - i} more; after: ${wanted[i - 1]?.number ?? 0} shows them`,
                );
                break;
            }
            lines.push(line);
        }
        return lines.length === 0 ? "No such request so far" : lines.join("\n");
    }

    /** @param {{ number: number, what?: "response" | "request", offset?: number }} input */
    async body({ number, what = "response", offset = 0 }) {
        const entry = this.#entries.get(Number(number));

        if (entry === undefined)
            throw new Failure(`There is no request ${oneLine(number, 20)} in the list`);
        const asked = what === "request";
        if (!asked && entry.response === null)
            throw new Failure(`Request ${entry.number} has no answer`);

        const headers = asked ? entry.request.headers() : entry.response.headers();
        const bytes = asked
            ? entry.request.postDataBuffer()
            : (entry.body ?? (await bodyOf(entry.response)));
        return [
            describe(entry),
            ...shownHeaders(headers),
            "",
            part(bytes, Number(offset) || 0),
        ].join("\n");
    }
}

function describe({ number, method, status, type, size, url, media, error, body, request }) {
    const bytes = body?.length ?? size;
    const sent = request.postDataBuffer()?.length ?? 0;

    return (
        `${number} ${method} ${status ?? error ?? "under way"} ${type}` +
        (media ? ` ${media}` : "") +
        (sent > 0 ? ` sent ${sent} bytes` : "") +
        (bytes === undefined ? "" : ` ${bytes} bytes`) +
        ` ${shownAddress(url)}`
    );
}

function shownHeaders(headers) {
    return Object.entries(headers)
        .filter(([name]) => HEADERS.test(name) || SECRET_HEADERS.test(name))
        .slice(0, 40)
        .map(
            ([name, value]) =>
                `${name}: ${SECRET_HEADERS.test(name) ? "[hidden]" : oneLine(value, 300)}`,
        );
}

function part(bytes, offset) {
    if (bytes === null) return "(no body, or the browser has forgotten it)";
    if (bytes.includes(0)) return `(${bytes.length} bytes that are no text)`;

    const text = bytes.toString();
    const shown = text.slice(offset, offset + PART_CHARACTERS);
    const rest = text.length - offset - shown.length;
    return rest > 0
        ? `${shown}\n… ${rest} more characters; offset: ${offset + shown.length} shows them`
        : shown;
}

/** null when there is none, or when it does not come. */
async function bodyOf(response) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, BODY_MS, null)));

    try {
        return await Promise.race([response.body(), late]);
    } catch {
        return null;
    } finally {
        clearTimeout(timer);
    }
}
