/**
 * Where in a topic the records of a key are: from the first to the last of them. Kept in flat arrays, because
 * a run has as many trajectories as memory would have objects. Keys are held as hashes of 52 bits: who reads
 * compares the keys, so two keys with one hash cost a read and are not confused.
 */

/** Slots of a new index; doubled when two thirds are taken. */
const FIRST_SLOTS = 1024;

export interface KeyRange {
  readonly partition: number;
  readonly first: number;
  readonly last: number;
}

export class KeyIndex {
  readonly #most: number;
  #hashes = new Float64Array(FIRST_SLOTS);
  #firsts = new Float64Array(FIRST_SLOTS);
  #lasts = new Float64Array(FIRST_SLOTS);
  #partitions = new Uint16Array(FIRST_SLOTS);
  size = 0;
  /** How many keys found no room. */
  left = 0;

  /** Holds at most so many keys. */
  constructor(most: number) {
    this.#most = most;
  }

  add(key: string, partition: number, offset: number): void {
    const hash = hashOf(key);
    let slot = this.#slot(hash);
    if (this.#hashes[slot] === 0) {
      if (this.size >= this.#most) {
        this.left++;
        return;
      }
      if (3 * this.size > 2 * this.#hashes.length) {
        this.#grow();
        slot = this.#slot(hash);
      }
      this.#hashes[slot] = hash;
      this.#firsts[slot] = offset;
      this.#lasts[slot] = offset;
      this.#partitions[slot] = partition;
      this.size++;
      return;
    }
    this.#firsts[slot] = Math.min(this.#firsts[slot] as number, offset);
    this.#lasts[slot] = Math.max(this.#lasts[slot] as number, offset);
  }

  find(key: string): KeyRange | null {
    const slot = this.#slot(hashOf(key));
    if (this.#hashes[slot] === 0) return null;
    return {
      partition: this.#partitions[slot] as number,
      first: this.#firsts[slot] as number,
      last: this.#lasts[slot] as number,
    };
  }

  /** The slot of a hash, or the free one where it would be. */
  #slot(hash: number): number {
    const mask = this.#hashes.length - 1;
    let slot = (hash % 0x1_0000_0000) & mask;
    while (this.#hashes[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [hashes, firsts, lasts, partitions] = [this.#hashes, this.#firsts, this.#lasts, this.#partitions];
    const slots = 2 * hashes.length;
    this.#hashes = new Float64Array(slots);
    this.#firsts = new Float64Array(slots);
    this.#lasts = new Float64Array(slots);
    this.#partitions = new Uint16Array(slots);
    for (const [old, hash] of hashes.entries()) {
      if (hash === 0) continue;
      const slot = this.#slot(hash);
      this.#hashes[slot] = hash;
      this.#firsts[slot] = firsts[old] as number;
      this.#lasts[slot] = lasts[old] as number;
      this.#partitions[slot] = partitions[old] as number;
    }
  }
}

/** Two FNV-1a hashes of 26 bits as one number from 1 on. */
function hashOf(key: string): number {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b);
  }
  return ((a ^ (a >>> 13)) >>> 6) * 0x400_0000 + ((b ^ (b >>> 15)) >>> 6) + 1;
}
