// SPDX-License-Identifier: Apache-2.0
/** What the model tries on the live page of each site, why, and the other params that its proof runs with. */
export const TRIED = {
    table: {
        why: "The table has pages: I follow the link to the next one.",
        code: `await page.getByRole("link", { name: "Next page" }).click(); return page.locator("tbody tr").allInnerTexts();`,
        varied: { department: "Support" },
    },
    search: {
        why: "I search once to see what results look like.",
        code: `await page.getByLabel("Search for books").fill("river"); await page.getByRole("button", { name: "Search" }).click(); return page.locator("li").first().innerHTML();`,
        varied: { query: "garden" },
    },
    login: {
        why: "I sign in with the stored credentials, whose values I do not know.",
        code: `await fillCredential(page.getByLabel("User name"), "portal_user"); await fillCredential(page.getByLabel("Password"), "portal_password"); await page.getByRole("button", { name: "Sign in" }).click(); await page.getByRole("link", { name: "Orders" }).click(); return page.locator("tr").allInnerTexts();`,
        varied: { status: "shipped" },
    },
    scroll: {
        why: "I scroll to the end to see whether more notes come.",
        code: `const notes = page.getByRole("article"); await notes.first().waitFor(); const before = await notes.count(); await page.mouse.wheel(0, 100000); await notes.nth(before).waitFor(); return [before, await notes.count()];`,
        varied: { count: 25 },
    },
    frame: {
        why: "The forecast is in a frame: I choose a city inside it.",
        code: `const f = page.frameLocator('iframe[title="Forecast"]'); await f.getByLabel("City").selectOption("Oslo"); await f.getByRole("heading", { name: "Oslo" }).waitFor(); return f.getByRole("definition").allInnerTexts();`,
        varied: { city: "Hanoi" },
    },
    shadow: {
        why: "The converter lives in shadow roots, which locators by label reach.",
        code: `await page.getByLabel("Amount in EUR").fill("100"); await page.getByLabel("Currency").selectOption("USD"); await page.getByRole("button", { name: "Convert" }).click(); await page.getByLabel("Result").filter({ hasText: "USD" }).waitFor(); return page.getByLabel("Result").innerText();`,
        varied: { amount: 7, currency: "SEK" },
    },
    spa: {
        why: "The application has an API, so the workflow can ask it without clicks.",
        code: `await page.getByRole("button", { name: "tea" }).click(); await page.getByRole("heading", { name: "tea", exact: true }).waitFor(); return page.evaluate(async () => (await fetch("/api/products?kind=tea&offset=5")).json());`,
        varied: { kind: "coffee" },
    },
    download: {
        why: "I see which link belongs to which month.",
        code: `return page.getByRole("row").evaluateAll((rows) => rows.map((row) => row.innerHTML));`,
        varied: { month: "March" },
    },
    dates: {
        why: "I open the calendar and leaf one month on.",
        code: `await page.getByLabel("Date", { exact: true }).click(); await page.getByRole("button", { name: "Next month" }).click(); return page.locator("#month").innerText();`,
        varied: { date: "2027-02-11" },
    },
    late: {
        why: "Rows carry a class until their figures have come, so that is what to wait for.",
        code: `await page.locator("tr.wait").first().waitFor({ state: "detached" }).catch(() => {}); return page.locator("tr").evaluateAll((rows) => rows.map((row) => row.outerHTML));`,
        varied: { symbol: "DLTA" },
    },
    changed: {
        why: "I load the page three times to see all its layouts.",
        code: `const seen = []; for (let i = 0; i < 3; i++) { await page.reload(); seen.push((await page.locator("body").innerHTML()).slice(0, 300)); } return seen;`,
        varied: { signature: "QX-109" },
    },
    hostile: {
        why: "The page holds text that poses as instructions. It is data, I follow the link to the product and go on.",
        code: `await page.getByRole("link", { name: "Lamp" }).click(); return [await page.locator("strong").innerText(), await page.getByLabel("Reviews").getByRole("article").count()];`,
        varied: { product: "Kettle" },
    },
    form: {
        why: "I send the form as given to see what the site objects to.",
        code: `await page.getByLabel("Full name").fill("Ada"); await page.getByRole("button", { name: "Register" }).click(); return page.getByRole("alert").allInnerTexts();`,
        varied: { name: "Grace Murray", email: "grace@example.org", phone: "+1 212 555-0147" },
    },
    wizard: {
        why: "I go through the steps once.",
        code: `const on = page.getByRole("button", { name: "Continue" }); await page.getByRole("radio", { name: "Malta" }).check(); await on.click(); await page.getByRole("button", { name: "One night more" }).click(); await on.click(); await on.click(); await page.getByRole("heading", { name: "Your offer" }).waitFor(); return page.locator("dl").innerText();`,
        varied: { destination: "Crete", nights: 2, extras: [] },
    },
    sort: {
        why: "The form can sort and filter, so nothing has to be read that is not wanted.",
        code: `await page.getByLabel("Brand").selectOption("Fenn"); await page.getByLabel("Sort by").selectOption("up"); await page.getByLabel("In stock").check(); await page.getByRole("button", { name: "Apply" }).click(); return page.locator("li").first().innerHTML();`,
        varied: { brand: "Orbis" },
    },
    popup: {
        why: "The details open in a new window: I wait for it while I click.",
        code: `const [details] = await Promise.all([page.waitForEvent("popup"), page.getByRole("button", { name: "Details of INV-3" }).click()]); await details.getByRole("heading").waitFor(); const text = await details.locator("body").innerText(); await details.close(); return text;`,
        varied: { invoice: "INV-2" },
    },
    cookies: {
        why: "A banner covers the page after a moment; I refuse and unfold a question.",
        code: `await page.getByRole("button", { name: "Refuse" }).click(); await page.getByRole("button", { name: "When do you deliver?" }).click(); return page.locator("h2 + div").allInnerTexts();`,
        varied: { question: "How do I return goods?" },
    },
    choice: {
        why: "The second list is no real select: it is clicked open after a country was chosen.",
        code: `await page.getByLabel("Country").selectOption("France"); await page.locator('[role=combobox][aria-disabled="false"]').click(); await page.getByRole("option", { name: "Lyon" }).click(); await page.locator("address p").first().waitFor(); return page.locator("address p").allInnerTexts();`,
        varied: { country: "Japan", city: "Tokyo" },
    },
    upload: {
        why: "I send a small file to see the report.",
        code: `await page.getByLabel("Text file").setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a b") }); await page.getByRole("button", { name: "Send" }).click(); return page.locator("body").innerText();`,
        varied: { filename: "b.txt", content: "only three words" },
    },
    more: {
        why: "I press the button once to see how the list grows.",
        code: `await page.getByRole("button", { name: "Load more" }).click(); await page.getByRole("listitem").nth(6).waitFor(); return page.getByRole("listitem").count();`,
        varied: { year: 2025 },
    },
    nav: {
        why: "The menu opens when it is pointed at.",
        code: `await page.getByRole("link", { name: "Garden" }).hover(); await page.getByRole("link", { name: "Tools" }).click(); await page.getByRole("link", { name: "Rake" }).click(); return page.locator("table").innerText();`,
        varied: { department: "Kitchen", section: "Pots", article: "Wok" },
    },
    suggest: {
        why: "The field proposes while one types, so I type key by key.",
        code: `await page.getByLabel("Airport").pressSequentially("Hels"); await page.getByRole("option", { name: "Helsinki" }).click(); await page.locator("#about b").first().waitFor(); return page.locator("#about").innerText();`,
        varied: { airport: "Hobart" },
    },
    dialog: {
        why: "The browser asks first; I decline, for this is only a look.",
        code: `page.once("dialog", (question) => question.dismiss()); await page.getByRole("listitem").filter({ hasText: "Paper" }).getByRole("button").click(); return page.locator("dialog").innerHTML();`,
        varied: { subscription: "Films", reason: "No time" },
    },
};
