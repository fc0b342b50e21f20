// SPDX-License-Identifier: Apache-2.0
import { workflow, z } from "impresario";

export default workflow(
    "city-weather",
    {
        input: z.object({ city: z.string() }),
        output: z.object({ city: z.string(), temperature: z.number(), wind: z.number() }),
        startUrl: "http://site.test/",
    },
    async ({ page }, { city }) => {
        const forecast = page.frameLocator('iframe[title="Forecast"]');
        await forecast.getByLabel("City").selectOption(city);
        await forecast.getByRole("heading", { name: city, exact: true }).waitFor();
        const [temperature, wind] = await forecast.getByRole("definition").allInnerTexts();
        return { city, temperature: Number.parseInt(temperature, 10), wind: Number.parseInt(wind, 10) };
    },
);
