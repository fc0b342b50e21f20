// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "selectOption", bestSemanticSelector: `frameLocator('iframe[title="Forecast"]').getByLabel("City")`, targetSelector: 'select[name="city"]', value: "Oslo" },
];
/** The recording ends on the page around the frame: what matters is that the choice was made inside it. */
export const shows = () => ["Travel news"];
