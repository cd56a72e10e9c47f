/** What is known of an SFU's load: a heartbeat, or a reading of its `/v1/stats`. */
export interface Report {
  /** Participants in all its conferences. */
  readonly sessions: number;
  /** Its conferences. */
  readonly channels: number;
  /** The sessions without those that make a conference extraordinarily large; absent where only the sum was told. */
  readonly ordinarySessions?: number;
  /** The share of the host's processors that is in use, from 0 to 1; null where it was not told. */
  readonly cpu: number | null;
  /** The share of the host's memory that is in use, from 0 to 1; null where it was not told. */
  readonly memory: number | null;
  /** When this was so, on the clock's monotonic scale: not later than it was asked for. */
  readonly atMs: number;
}
