/**
 * What the gateway remembers beside the fleet itself. In memory it is this instance's own; where it is shared, so are
 * its assignments and drains.
 */
export interface Store {
  /** Whether what is in it outlives this process. */
  readonly isDurable: boolean;
  /** Conference → the address of its SFU. */
  readonly assignments: Table;
  /** The address of an SFU that is drained → since when, ISO 8601. */
  readonly drains: Table;
  close(): Promise<void>;
}

/** Texts by name. Every method is atomic: no other one on the same name takes place in the middle of it. */
export interface Table {
  get(name: string): Promise<string | null>;
  /** @param ttlMs how long it stays, in milliseconds; null for as long as the store does */
  set(name: string, value: string, ttlMs: number | null): Promise<void>;
  /** @returns the value that is there now: `value`, or what was there before and is left as it is, TTL included */
  setIfAbsent(name: string, value: string, ttlMs: number | null): Promise<string>;
  /**
   * Puts `value` there, with a new TTL, if `expected` is there.
   *
   * @returns whether it was
   */
  compareAndSet(name: string, expected: string, value: string, ttlMs: number | null): Promise<boolean>;
  delete(name: string): Promise<void>;
  /** Everything in it. For small tables. */
  all(): Promise<ReadonlyMap<string, string>>;
  /** How many are alive, as exactly as the store can tell without looking at each. */
  size(): Promise<number>;
}
