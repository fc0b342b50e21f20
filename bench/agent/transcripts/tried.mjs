// SPDX-License-Identifier: Apache-2.0
/** What the model tries on the live page of each site, why, and the other params that its proof runs with. */
export const TRIED = {};
