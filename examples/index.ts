// SPDX-License-Identifier: Apache-2.0
//
// The entry of this package: every workflow that it exports can be run by its name.

export { pageSummary } from "./workflows/page-summary.ts";
export { catalogue } from "./workflows/catalogue.ts";
export { statement } from "./workflows/statement.ts";
