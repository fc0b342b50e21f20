// SPDX-License-Identifier: Apache-2.0
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "hover", bestSemanticSelector: 'getByRole("link", { name: "Garden" })', targetSelector: "nav > ul > li:nth-child(1) > a" },
    { action: "click", bestSemanticSelector: 'getByRole("link", { name: "Tools" })', targetSelector: "nav ul ul > li:nth-child(1) > a", nearbyText: "Tools" },
    { action: "click", bestSemanticSelector: 'getByRole("link", { name: "Rake" })', targetSelector: "h1 + ul > li:nth-child(2) > a", nearbyText: "Rake" },
    { action: "goto", url: "http://site.test/garden/tools/rake" },
];
