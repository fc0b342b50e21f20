// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "selectOption", bestSemanticSelector: 'getByLabel("Country")', targetSelector: "#country", value: "France" },
    { action: "click", bestSemanticSelector: 'locator(\'[role="combobox"][aria-disabled="false"]\')', targetSelector: "#city" },
    { action: "click", bestSemanticSelector: 'getByRole("option", { name: "Lyon" })', targetSelector: "#list > li:nth-child(2)", nearbyText: "Lyon" },
];
