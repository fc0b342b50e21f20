// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "click", bestSemanticSelector: 'getByLabel("Search for books")', targetSelector: 'input[name="q"]', coordinates: { x: 210, y: 90 } },
    { action: "fill", bestSemanticSelector: 'getByLabel("Search for books")', targetSelector: 'input[name="q"]', value: "river" },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "Search" })', targetSelector: "form > button", nearbyText: "Search", coordinates: { x: 330, y: 90 } },
    { action: "goto", url: "http://site.test/find?q=river" },
];
