// SPDX-License-Identifier: Apache-2.0
/** Chance that can be repeated: mulberry32, good enough to choose moments and mixes. */
export class Random {
    #state;

    constructor(seed) {
        this.#state = seed >>> 0;
    }

    /** From 0 up to, without, 1. */
    next() {
        this.#state = (this.#state + 0x6d2b79f5) >>> 0;
        let t = this.#state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }

    /** An integer from `least` to `most`, both included. */
    between(least, most) {
        return least + Math.floor(this.next() * (most - least + 1));
    }

    pick(list) {
        return list[this.between(0, list.length - 1)];
    }

    /** A key of `weights`, as often as its weight says. */
    weighed(weights) {
        let at = this.next() * Object.values(weights).reduce((sum, each) => sum + each, 0);
        for (const [key, weight] of Object.entries(weights)) if ((at -= weight) < 0) return key;
        return Object.keys(weights).at(-1);
    }
}
