// SPDX-License-Identifier: Apache-2.0
export const shows = ({ filename }) => [filename];
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "click", bestSemanticSelector: 'getByRole("row", { name: "January" }).getByRole("link", { name: "Download" })', targetSelector: "tr:nth-child(1) a", nearbyText: "Download" },
];
