// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "click", bestSemanticSelector: 'getByRole("button", { name: "Details of INV-3" })', targetSelector: 'button[aria-label="Details of INV-3"]', nearbyText: "Details" },
    { action: "click", pageId: "page-2", bestSemanticSelector: 'getByRole("heading", { name: "INV-3" })', targetSelector: "h1" },
];
