// SPDX-License-Identifier: Apache-2.0
/** The recorder does not keep what went into the password field; the stored credentials take their place. */
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "fill", bestSemanticSelector: 'getByLabel("User name")', targetSelector: 'input[name="user"]', value: "marta.k" },
    { action: "fill", bestSemanticSelector: 'getByLabel("Password")', targetSelector: 'input[type="password"]', value: "[redacted]" },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "Sign in" })', targetSelector: "form > button" },
    { action: "click", bestSemanticSelector: 'getByRole("link", { name: "Orders" })', targetSelector: "nav > a", nearbyText: "Orders" },
];
