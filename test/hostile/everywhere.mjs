// SPDX-License-Identifier: Apache-2.0
/**
 * Every place of the product that connects out, told to go where it may not: by each way to write an address, by
 * redirects, and by names that change their meaning. A program of outside.mjs; ../api/outgoing.test.mjs judges.
 */
import { ended, start } from "../support/ai.mjs";
import { plain } from "../support/artifact.mjs";
import { Model, resultsOf } from "../support/model.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { ALLOWED, OWN, PUBLIC, TURNCOATS, forms } from "./outside.mjs";

const OPEN = ["http://public.test/", `http://${PUBLIC}/`, `http://${ALLOWED}/`];
/** A step has a minute, on the slowest machine too. */
const AT_ONE_STEP = 100;
const urlOf = ({ host, port }) => `http://${/^[^@]*:[^@]*:/.test(host) ? `[${host}]` : host}:${port}/`;
const redirectTo = (url) => `http://public.test/?u=${encodeURIComponent(url)}`;

/** What runs inside: JavaScript that code in a job, in a page and in the hands of a model has alike. */
const INSIDE = `
async function each(items, go, atOnce = 16) {
    const answered = [], left = [...items];
    const one = async () => {
        for (let item; (item = left.shift()) !== undefined; )
            await go(item).then((yes) => yes && answered.push(typeof item === "string" ? item : item.host + ":" + item.port), () => {});
    };
    await Promise.all(Array.from({ length: atOnce }, one));
    return answered.sort();
}
const fetched = (url) => fetch(url, { signal: AbortSignal.timeout(8000) }).then((response) => response.text()).then(() => true);
const visited = (page) => async (url) => {
    for (;;) {
        try {
            await page.goto(url, { timeout: 8000 });
            return (await page.content()).includes("<p>reached");
        } catch (error) {
            if (!error.message.includes("interrupted by another navigation")) throw error;
            // By the error page of the one before. Its own comes next, and would do the same to the next try.
            await page.waitForEvent("framenavigated", { timeout: 1000 }).catch(() => {});
        }
    }
};
`;

const BUNDLE = plain({
    "index.ts": `import { workflow } from "impresario";
import { connect } from "node:net";
${INSIDE}
const spoken = ({ host, port }: any) => new Promise<boolean>((resolve) => {
    const socket = connect({ host, port });
    socket.setTimeout(8000, () => socket.destroy());
    socket.on("connect", () => socket.write("GET / HTTP/1.0\\r\\n\\r\\n"));
    socket.on("data", () => (resolve(true), socket.destroy()));
    socket.on("error", () => {});
    socket.on("close", () => resolve(false));
});
export const fetches = workflow("fetches", async (_: any, { urls }: any) => each(urls, fetched));
export const sockets = workflow("sockets", async (_: any, { places }: any) => each(places, spoken));
export const pages = workflow("pages", async ({ page }: any, { urls }: any) => each(urls, visited(page), 1));
export const insides = workflow("insides", async ({ page }: any, { urls }: any) => {
    await page.goto("http://public.test/");
    return page.evaluate(async (urls: any) => {
        ${INSIDE.split("const fetched")[0]}
        const reads = await each(urls, (url: any) => fetch(url, { signal: AbortSignal.timeout(8000) }).then((r) => r.text()).then(() => true));
        const some = urls.filter((_: any, i: number) => i % 4 === 0); // these have no time limit of ours
        await each(some, (url: any) => new Promise<boolean>((done) => {
            const socket = new WebSocket(url.replace(/^http/, "ws"));
            socket.onopen = socket.onerror = socket.onclose = () => done(false);
        }));
        await each(some, (url: any) => new Promise<boolean>((done) => {
            const image = new Image();
            image.onload = image.onerror = () => done(false);
            image.src = url;
        }));
        return reads;
    }, urls);
});
`,
});

export default async function everywhere({ reached }) {
    const model = await Model.open();
    const server = await Server.start({
        env: model.settings("openai", {
            IMPRESARIO_EGRESS_ALLOW: ALLOWED,
            IMPRESARIO_REGISTRY: "http://registry.test/registry/",
            IMPRESARIO_WARM_SLOTS: "1",
        }),
    });
    const t = await Tenant.make("outgoing", server);
    await t.deploy(BUNDLE);
    reached();

    const results = {};
    const note = (place, tried, answered) => (results[place] = { tried, answered, ...reached() });
    const job = async (place, workflow, key, items) => {
        const answered = await t.result(workflow, { [key]: items }, { timeout_seconds: 300 });
        note(place, items.length, answered);
    };

    const urls = forms.map(urlOf);
    const { port } = new URL(server.url);
    const own = [`http://127.0.0.1:${port}/healthz`, `http://localhost:${port}/healthz`, `http://${OWN}:${port}/healthz`];
    const turncoats = TURNCOATS.flatMap((name) => Array(4).fill(`http://${name}/`));
    const rest = [...OPEN, ...own];

    await job("a job's fetch", "fetches", "urls", [...urls, ...rest]);
    await job("a job's redirected fetch", "fetches", "urls", [...urls, ...own].map(redirectTo));
    await job("a job's sockets", "sockets", "places", [...forms, { host: "public.test", port: 80 }, { host: "127.0.0.1", port: Number(port) }]);
    await job("a job's page", "pages", "urls", [...urls, ...rest]);
    // The same way as the page's, and slow: some are enough.
    await job("a job's redirected page", "pages", "urls", [...urls.filter((_, i) => i % 4 === 0), ...own].map(redirectTo));
    await job("what a page loads", "insides", "urls", [...urls, ...rest]);
    await job("a job's fetch of names that change", "fetches", "urls", turncoats);
    await job("a job's page of names that change", "pages", "urls", turncoats);

    // The hands of a model: the same, as a step that it tries.
    const asked = [...urls, ...rest, ...turncoats, ...urls.slice(0, 40).map(redirectTo)];
    const said = [];
    model.play(({ provider, body, turn }) => {
        if (turn > 0) said.push(resultsOf(provider, body)[0].text);
        const now = asked.splice(0, AT_ONE_STEP);
        return now.length === 0
            ? { calls: { tool: "give_up", input: { reason: "it was only asked" } } }
            : { calls: { tool: "act", input: { why: "to see", code: `${INSIDE}\nreturn each(${JSON.stringify(now)}, visited(page), 1);` } } };
    });
    const many = asked.length;
    await ended(t, await start(t, { descriptions: ["Look around"], initial_url: "http://public.test/" }));
    note("the hands of a model", many, OPEN.filter((url) => said.join().includes(`"${url}"`)).sort());
    results["the hands of a model"].unfinished = said.filter((text) => !text.includes("Returned: ["));

    // A build whose first page is elsewhere.
    model.play(({ body }) =>
        body.messages.some(({ role }) => role === "assistant")
            ? { calls: { tool: "give_up", input: { reason: "there is nothing" } } }
            : { calls: { tool: "snapshot", input: {} } },
    );
    for (const initial_url of ["http://169.254.169.254/", own[0], redirectTo("http://169.254.169.254/")])
        await ended(t, await start(t, { descriptions: ["Look around"], initial_url }));
    note("the first page of a build", 3, []);

    // A registry whose packages lie where nothing may be reached, also by redirects, and packages from elsewhere.
    // Every way to write an address is tried in src/registry/fetch_test.c.
    const tarballs = [redirectTo("http://169.254.169.254/a.tgz"), redirectTo(own[0]), "http://169.254.169.254/a.tgz", "http://127.0.0.1/a.tgz", "http://10.9.0.2/a.tgz", own[0], "http://meta.test/a.tgz", "http://rebind-local.test/a.tgz", `http://${ALLOWED}/a.tgz`];
    const errors = [];
    for (const tarball of tarballs) {
        for (const dependencies of [{ [`pkg-${Buffer.from(tarball).toString("hex")}`]: "1.0.0" }, { elsewhere: tarball }])
            errors.push(await t.buildError(plain({ "index.ts": "export {};" }, { dependencies })));
    }
    note("an install", errors.length, []);
    results["an install"].errors = errors;
    if (model.faults.length > 0) throw new Error(model.faults.join());
    await server.stop();
    await model.close();

    // A model's API that sends the server elsewhere.
    const led = await Server.start({
        env: {
            IMPRESARIO_MODEL_PROVIDER: "openai",
            IMPRESARIO_MODEL_BASE_URL: "http://model.test:8080/v1",
            IMPRESARIO_MODEL_API_KEY: "sk-none",
            IMPRESARIO_MODEL: "none",
        },
    });
    const other = await Tenant.make("outgoing-model", led);
    const { error } = await ended(other, await start(other, { descriptions: ["Look around"], initial_url: "http://public.test/" }));
    note("the calls of the model", 1, []);
    results["the calls of the model"].error = error;
    await led.stop();
    return results;
}
