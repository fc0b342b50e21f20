// SPDX-License-Identifier: Apache-2.0
/** Clicks cannot clean a telephone number, so these inputs come clean. */
export const params = { name: "Ada Byron", email: "ada@example.org", phone: "+442079460001" };
export const fresh = [
    { name: "Bela Kun", email: "bela@example.net", phone: "+3615550123" },
    { name: "Chika Ono", email: "chika.ono@example.com", phone: "+81355550199" },
];
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "fill", bestSemanticSelector: 'getByLabel("Full name")', targetSelector: 'input[name="name"]', value: "Ada Byron" },
    { action: "fill", bestSemanticSelector: 'getByLabel("E-mail")', targetSelector: 'input[name="email"]', value: "ada@example.org" },
    { action: "fill", bestSemanticSelector: 'getByLabel("Telephone")', targetSelector: 'input[name="phone"]', value: "+442079460001" },
    { action: "check", bestSemanticSelector: 'getByLabel("I accept the terms")', targetSelector: 'input[name="terms"]' },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "Register" })', targetSelector: "form > button" },
];
