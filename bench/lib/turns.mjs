// SPDX-License-Identifier: Apache-2.0
/** Figures: several things measured in turn in one sitting, so that what the machine does meanwhile meets all. */

/** @typedef {{median: number, min: number, max: number, values: number[]}} Figure */

/** @returns {Figure} */
export function figure(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return { median, min: sorted[0], max: sorted.at(-1), values };
}

/**
 * Measures each subject once a round; each round another one begins.
 *
 * @template {string} K
 * @param {Record<K, (round: number) => Promise<number>>} subjects
 * @param {number} rounds
 * @param {(done: number, all: number, name: string) => void} progress
 * @returns {Promise<Record<K, Figure>>}
 */
export async function inTurn(subjects, rounds, progress) {
    const names = Object.keys(subjects);
    const values = Object.fromEntries(names.map((name) => [name, []]));
    let done = 0;

    for (let round = 0; round < rounds; round++)
        for (let i = 0; i < names.length; i++) {
            const name = names[(i + round) % names.length];
            progress(done++, rounds * names.length, name);
            values[name].push(await subjects[name](round));
        }
    return Object.fromEntries(names.map((name) => [name, figure(values[name])]));
}
