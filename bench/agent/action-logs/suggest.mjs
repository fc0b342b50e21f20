// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "type", bestSemanticSelector: 'getByLabel("Airport")', targetSelector: "input", value: "Helsinki" },
    { action: "click", bestSemanticSelector: 'getByRole("option", { name: "Helsinki" })', targetSelector: "#like > li", nearbyText: "Helsinki" },
];
