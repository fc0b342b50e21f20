// SPDX-License-Identifier: Apache-2.0
/** A small site on loopback for workflows to visit. It remembers who came, so that a test can wait for a visit. */
import { createServer } from "node:http";
import { once } from "node:events";

const page = (title, body) =>
    `<!doctype html><html><head><title>${title}</title></head><body>${body}</body></html>`;

const PAGES = {
    "/start": () => page("Start", "<h1>Start here</h1>"),
    "/form": () =>
        page(
            "Form",
            '<form action="/greet"><label>Name <input name="name"></label><button>Greet</button></form>',
        ),
    "/greet": (url) => page("Greeting", `<p id="greeting">Hello, ${url.searchParams.get("name")}!</p>`),
    "/files": () => page("Files", '<a id="note" href="/note.txt">The note</a>'),
    "/viewport": () => page("Viewport", "<script>document.title = `${innerWidth}x${innerHeight}`</script>"),
};

export class Site {
    #server;
    /** What waits below /hold: its answer, and its path. */
    #held = new Map();
    #visits = [];
    #waiting = [];

    /** @returns {Promise<Site>} */
    static async open() {
        const site = new Site();
        site.#server = createServer((request, response) => site.#answer(request, response));
        site.#server.listen(0, "127.0.0.1");
        await once(site.#server, "listening");
        site.url = `http://127.0.0.1:${site.#server.address().port}`;
        return site;
    }

    #answer(request, response) {
        const url = new URL(request.url, this.url);
        this.#visits.push(url.pathname);
        this.#waiting = this.#waiting.filter(({ path, resolve }) => path !== url.pathname || resolve(request));

        if (url.pathname.startsWith("/hold")) {
            this.#held.set(response, url.pathname);
            request.socket.once("close", () => {
                this.#held.delete(response);
                this.#waiting = this.#waiting.filter(({ left, resolve }) => left !== url.pathname || resolve());
            });
        } else if (url.pathname === "/note.txt") {
            response.setHeader("content-disposition", 'attachment; filename="note.txt"');
            response.end("contents of the note");
        } else if (url.pathname === "/cookie") {
            response.setHeader("content-type", "text/html");
            response.setHeader("set-cookie", "left=over; Path=/; Max-Age=3600");
            response.end(page("Cookie", `<p id="cookie">${request.headers.cookie ?? "none"}</p>`));
        } else if (url.pathname === "/broken") {
            request.socket.destroy();
        } else if (PAGES[url.pathname]) {
            response.setHeader("content-type", "text/html");
            response.end(PAGES[url.pathname](url));
        } else {
            response.writeHead(404).end("nothing here");
        }
    }

    /** How often `path` was asked for. */
    visits(path) {
        return this.#visits.filter((each) => each === path).length;
    }

    /** Resolves with the request when `path` is asked for, now or earlier. */
    async visit(path) {
        if (this.visits(path) > 0) return;
        await new Promise((resolve) => this.#waiting.push({ path, resolve }));
    }

    /** Resolves when whoever waits at `path` has hung up. */
    async left(path) {
        if (![...this.#held.values()].includes(path)) return;
        await new Promise((resolve) => this.#waiting.push({ left: path, resolve }));
    }

    /** Answers whatever waits below /hold. */
    release() {
        for (const response of this.#held.keys()) response.end("released");
        this.#held.clear();
    }

    async close() {
        this.#server.close();
        this.#server.closeAllConnections();
        await once(this.#server, "close").catch(() => {});
    }
}
