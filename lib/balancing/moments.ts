/**
 * Moments on the clock's monotonic scale, in milliseconds, oldest first. Whatever is done with it for every call takes the same
 * time however many there are: at 3,000 calls a second those of a minute are a hundred thousand.
 */
export class Moments {
  #all: number[] = [];
  /** Those before it are forgotten, and leave the array some thousands at a time. */
  #first = 0;

  get count(): number {
    return this.#all.length - this.#first;
  }

  /** Most are the latest. */
  add(atMs: number): void {
    const before = this.#all.findLastIndex((oneMs) => oneMs <= atMs);
    this.#all.splice(Math.max(before + 1, this.#first), 0, atMs);
  }

  /** @returns how many are later; null where there is no such moment */
  remove(atMs: number): number | null {
    const index = this.#all.lastIndexOf(atMs);
    if (index < this.#first) return null;
    this.#all.splice(index, 1);
    return this.#all.length - index;
  }

  forgetUntil(atMs: number): void {
    while (this.count > 0 && (this.#all[this.#first] ?? Infinity) <= atMs) this.#first++;
    if (this.#first <= this.count) return;
    this.#all = this.#all.slice(this.#first);
    this.#first = 0;
  }

  until(atMs: number): readonly number[] {
    return this.#all.slice(this.#first, this.#all.findLastIndex((oneMs) => oneMs <= atMs) + 1);
  }
}
