// SPDX-License-Identifier: Apache-2.0
export const shows = ({ rating }) => [rating.toFixed(1)];
export const entries = [
    { action: "goto", url: "http://site.test/" },
    { action: "click", bestSemanticSelector: 'getByRole("link", { name: "Lamp" })', targetSelector: "ul > li:nth-child(1) > a", nearbyText: "Lamp" },
];
