// SPDX-License-Identifier: Apache-2.0
//
// Small helpers for handlers. They need nothing but the page that a handler gets.

/** Waits for a person while a workflow is being written; on the server there is none, so it goes on. */
export async function pause() {}

/** Clicks what starts a download; gives its bytes and the file name that the site suggests. */
export async function downloadViaClick(page, selector, { timeout = 30_000 } = {}) {
    const [download] = await Promise.all([
        page.waitForEvent("download", { timeout }),
        page.click(selector, { timeout }),
    ]);

    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    return { buffer: Buffer.concat(chunks), filename: download.suggestedFilename() };
}

/**
 * A request made by the page itself, with the page's own cookies and origin; gives the parsed body.
 * An answer other than 2xx is an error.
 * @param {import("playwright").Page} page
 * @param {import("./index.d.ts").PageRequest} request
 * @param {{ schema?: { parse(value: unknown): any } }} [options]
 */
export async function pageRequest(page, request, { schema } = {}) {
    const { url, method = "GET", headers = {}, responseType = "json" } = request;
    const answer = await page.evaluate(
        async ({ address, init }) => {
            const response = await fetch(address, init);
            return { ok: response.ok, status: response.status, text: await response.text() };
        },
        {
            address: url,
            init: /** @type {any} */ ({
                method,
                credentials: "include",
                ...encodeBody(request, headers),
            }),
        },
    );

    if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}`);
    const body = responseType === "json" ? JSON.parse(answer.text) : answer.text;
    return schema === undefined ? body : schema.parse(body);
}

/** @param {import("./index.d.ts").PageRequest} request */
function encodeBody({ body, bodyType = "json" }, headers) {
    if (body === undefined) return { headers };

    const form = bodyType === "form";
    const type = form ? "application/x-www-form-urlencoded" : "application/json";
    const encoded =
        typeof body === "string"
            ? body
            : form
              ? String(new URLSearchParams(/** @type {Record<string, string>} */ (body)))
              : JSON.stringify(body);
    return { headers: { "Content-Type": type, ...headers }, body: encoded };
}

/**
 * Signs in only where it is needed: asks, signs in, asks again. Says whether the saved profile was
 * enough.
 */
export async function authenticate(ctx, { isSignedIn, signIn, credentials = {} }) {
    if (await isSignedIn(ctx)) return { usedProfile: true };

    await signIn(ctx, credentials);
    if (!(await isSignedIn(ctx))) throw new Error("Still signed out after signing in");
    return { usedProfile: false };
}
