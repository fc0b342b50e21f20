// SPDX-License-Identifier: Apache-2.0
export const shows = ({ cheapest }) => cheapest.map(({ model }) => model);
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "selectOption", bestSemanticSelector: 'getByLabel("Brand")', targetSelector: 'select[name="brand"]', value: "Fenn" },
    { action: "selectOption", bestSemanticSelector: 'getByLabel("Sort by")', targetSelector: 'select[name="sort"]', value: "up" },
    { action: "check", bestSemanticSelector: 'getByLabel("In stock")', targetSelector: 'input[name="here"]' },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "Apply" })', targetSelector: "form > button" },
];
