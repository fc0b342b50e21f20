// SPDX-License-Identifier: Apache-2.0
//
// Logs of actions and requests as a client recorded them, in one form: whatever the client's age,
// and whether they came as an array or as JSON lines. What looks like a secret is masked: people type
// passwords while they are recorded.

const ENTRIES_MOST = 20_000;
const VALUE_MOST = 4_000;
const SELECTOR_MOST = 1_000;
const WAYS_MOST = 8;

/** @returns {object[]} the entries that are objects; lines that are no JSON are passed over */
export function entriesOf(log) {
    if (typeof log === "string") {
        try {
            const whole = JSON.parse(log);
            return entriesOf(Array.isArray(whole) ? whole : [whole]);
        } catch {
            return entriesOf(log.split("\n").slice(0, ENTRIES_MOST).map(parsed));
        }
    }
    if (!Array.isArray(log)) return [];
    return log
        .slice(0, ENTRIES_MOST)
        .map((entry) => (typeof entry === "string" ? parsed(entry) : entry))
        .filter((entry) => entry !== null && typeof entry === "object" && !Array.isArray(entry));
}

function parsed(line) {
    try {
        return JSON.parse(line);
    } catch {
        return null;
    }
}

/** Names that recorders and libraries have for one action. */
const SAME_ACTION = {
    navigate: "goto",
    navigation: "goto",
    type: "type",
    presssequentially: "type",
    input: "fill",
    change: "fill",
    select: "select",
    selectoption: "select",
    setchecked: "check",
    setinputfiles: "upload",
    upload: "upload",
    doubleclick: "dblclick",
    tap: "click",
    keypress: "press",
    keydown: "press",
    back: "goBack",
    goback: "goBack",
    forward: "goForward",
    goforward: "goForward",
};

/**
 * @typedef {object} Action
 * @property {string} action click, dblclick, fill, type, press, select, check, uncheck, upload, hover,
 *     goto, reload, goBack, goForward, or what the recorder called it
 * @property {"user" | "agent"} source
 * @property {boolean} success
 * @property {string[]} ways selectors and locators that were recorded, best first
 * @property {string | null} target the element itself, as the recorder saw it
 * @property {string | null} nearby text around it
 * @property {string | string[] | boolean | null} value
 * @property {string | null} url
 * @property {string | null} page
 * @property {number} at ms, 0 when unknown
 * @property {boolean} secret whether it goes into a field that takes a secret
 */

/** @returns {Action[]} */
export function actionsOf(log) {
    return entriesOf(log)
        .map(actionOf)
        .filter((action) => action !== null);
}

function actionOf(entry) {
    const said = text(entry.action ?? entry.type ?? entry.method, 60);
    if (said === null) return null;

    const name = SAME_ACTION[said.toLowerCase().replace(/[^a-z]/g, "")] ?? said;
    const ancestors = Array.isArray(entry.ancestorSelectors) ? entry.ancestorSelectors : [];
    const ways = [
        entry.bestSemanticSelector,
        entry.selector,
        entry.locator,
        entry.targetSelector,
        ...ancestors.filter(isPart),
    ]
        .map((way) => text(way, SELECTOR_MOST))
        .filter((way) => way !== null);
    const action = {
        action: name,
        source: entry.source === "user" ? "user" : "agent",
        success: entry.success !== false && !entry.error,
        ways: [...new Set(ways)].slice(0, WAYS_MOST),
        target: text(entry.targetSelector, SELECTOR_MOST),
        nearby: text(entry.nearbyText ?? entry.text, 200),
        value: valueOf(entry.value ?? entry.key ?? entry.values ?? entry.files ?? entry.checked),
        url: text(entry.url, VALUE_MOST),
        page: text(entry.pageId, 200),
        at: Date.parse(entry.ts ?? entry.timestamp) || 0,
        secret: false,
    };
    action.secret =
        ["fill", "type", "press"].includes(name) &&
        [...action.ways, action.target].some((way) => isSecretField(way ?? ""));
    return action;
}

/** An ancestor that a click may as well go to. */
function isPart(selector) {
    return (
        typeof selector === "string" &&
        /^(a|button|label|summary)\b|^\[role=["']?(button|link|menuitem|option|tab)/.test(selector)
    );
}

function text(value, most) {
    if (typeof value !== "string" && typeof value !== "number") return null;
    const clean = String(value).trim();
    return clean === "" || clean.length > most ? null : clean;
}

function valueOf(value) {
    if (typeof value === "boolean") return value;
    if (Array.isArray(value))
        return value.slice(0, 100).map((one) => String(one).slice(0, VALUE_MOST));
    return value === undefined || value === null ? null : String(value).slice(0, VALUE_MOST);
}

const SECRET_WORDS =
    /passw|passcode|passphrase|\bpwd\b|\bpin\b|\botp\b|one-time|secret|\btoken\b|\bcvv\b|\bcvc\b|api.?key/i;

export function isSecretField(words) {
    return SECRET_WORDS.test(words);
}

// ---- secrets in texts ----

const MASK = "[masked]";

const SECRET_NAME =
    "[\\w.-]*(?:passw|pwd|secret|token|api_?-?key|authorization|session|otp|csrf|xsrf|signature|credential)[\\w.-]*";
const IN_JSON = new RegExp(`("${SECRET_NAME}"\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*"?|[\\d.]+)`, "gi");
const IN_FORM = new RegExp(`((?:^|[?&;\\s])${SECRET_NAME}=)[^&\\s;"]+`, "gi");
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi;
const JWT = /\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/g;

/** What is named like a secret, or has the form of one. */
export function maskText(words) {
    return words
        .replace(IN_JSON, `$1"${MASK}"`)
        .replace(IN_FORM, `$1${MASK}`)
        .replace(BEARER, `$1 ${MASK}`)
        .replace(JWT, MASK);
}

export function maskAddress(address) {
    return maskText(address.replace(/^(https?:\/\/)[^/@]*@/i, "$1")).slice(0, 500);
}
