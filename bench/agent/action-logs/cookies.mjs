// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "Refuse" })', targetSelector: "div[role=dialog] > button:nth-of-type(2)", nearbyText: "Refuse" },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "When do you deliver?" })', targetSelector: "h2:nth-of-type(2) > button", nearbyText: "When do you deliver?" },
];
