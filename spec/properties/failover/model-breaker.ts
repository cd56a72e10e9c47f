import type { Config } from "../../../lib/config/config.ts";
import type { Verdict } from "../../../lib/failover/breakers.ts";
import type { Admission, BreakerState, TrialVerdict } from "../../../lib/sfu/sfu.ts";

/** A call under way, or a key check. */
interface Run {
  readonly era: number;
  readonly kind: "call" | "trial" | "last resort";
  /** Whether it is one of those that go one at a time. */
  readonly isAlone: boolean;
}

const BUCKETS = 10;

/**
 * One breaker as `lib/failover/breakers.ts` and the design describe it, without a library, a timer or a promise: it is
 * told the time with everything that happens.
 */
export class BreakerModel {
  state: BreakerState = "closed";
  readonly #settings: Config["breaker"];
  readonly #startMs: number;
  #openedMs = 0;
  /** Of calls in the window, by the tenth of it that they fell into. */
  #begun: number[] = [];
  #failed: number[] = [];
  /** It has opened so often: what began before has no say in what comes after. */
  #era = 0;
  #alone = 0;
  #isOnProbation = false;
  #isTripped = false;
  #faultsInARow = 0;
  #faultMs = -Infinity;
  /** Whether the one call that half-open lets through has been let through. */
  #isTrialTaken = false;

  constructor(settings: Config["breaker"], startMs: number) {
    this.#settings = settings;
    this.#startMs = startMs;
  }

  /** After the reset time an open one is half-open. */
  pass(nowMs: number): void {
    if (this.state !== "open" || nowMs - this.#openedMs < this.#settings.resetTimeoutMs) return;
    this.state = "half_open";
    this.#isTrialTaken = false;
  }

  get mayBeTried(): boolean {
    return this.#alone === 0;
  }

  get admits(): Admission {
    if (this.state === "closed") return this.#isOnProbation && this.#alone > 0 ? "assigned" : "all";
    return this.state === "half_open" && !this.#isTrialTaken && this.#alone === 0 ? "all" : "none";
  }

  /** @returns null where the SFU is not asked */
  begin(asLastResort: boolean, nowMs: number): Run | null {
    const isTrial = this.state === "half_open";
    if ((isTrial || asLastResort) && this.#alone > 0) return null;
    const isForced = asLastResort && this.state === "open";
    if (!isForced && (this.state === "open" || (isTrial && this.#isTrialTaken))) return null;
    this.#isTrialTaken ||= isTrial;
    if (!isForced) count(this.#begun, this.#bucket(nowMs));
    const isAlone = isTrial || asLastResort || this.#isOnProbation;
    if (isAlone) this.#alone++;
    return { era: this.#era, kind: isForced ? "last resort" : isTrial ? "trial" : "call", isAlone };
  }

  end({ era, kind, isAlone }: Run, verdict: Verdict, nowMs: number): void {
    if (era !== this.#era) return;
    if (isAlone) this.#alone--;
    if (verdict === "nothing") {
      // Nothing was seen, and there is no other trial before it is open again.
      if (kind === "trial" && this.state === "half_open") this.#open(nowMs);
    } else if (verdict === "fault") {
      if (kind !== "last resort") count(this.#failed, this.#bucket(nowMs));
      const isSure = this.#isSure(nowMs);
      if (kind === "last resort" || this.#isOnProbation || this.state === "half_open") this.#open(nowMs);
      else if (isSure || this.#isOverThreshold(nowMs)) this.#open(nowMs);
    } else {
      this.#isOnProbation = false;
      this.#faultsInARow = 0;
      if (kind === "last resort" || this.state === "half_open") this.#close();
    }
  }

  /** @returns null where the key is not checked */
  beginTrial(): Run | null {
    if (this.state !== "half_open" || this.#alone > 0) return null;
    this.#alone++;
    return { era: this.#era, kind: "trial", isAlone: true };
  }

  endTrial({ era }: Run, verdict: TrialVerdict, nowMs: number): void {
    if (era !== this.#era) return;
    this.#alone--;
    if (verdict === "undecided") return;
    this.#isOnProbation = verdict === "fine";
    if (verdict === "fine") this.#close();
    else this.#open(nowMs);
  }

  trip(nowMs: number): void {
    if (this.state === "half_open") return;
    this.#isTripped = true;
    this.#open(nowMs);
  }

  pardon(): void {
    if (!this.#isTripped) return;
    this.#isOnProbation = true;
    this.#close();
  }

  #open(nowMs: number): void {
    if (this.state === "open") return;
    this.state = "open";
    this.#openedMs = nowMs;
    this.#era++;
    this.#alone = 0;
    this.#faultsInARow = 0;
    this.#isOnProbation = false;
  }

  #close(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#isTripped = false;
    [this.#begun, this.#failed] = [[], []];
  }

  /** Counts a fault. @returns whether a row of them is long enough by itself */
  #isSure(nowMs: number): boolean {
    this.#faultsInARow = nowMs - this.#faultMs < this.#settings.windowMs ? this.#faultsInARow + 1 : 1;
    this.#faultMs = nowMs;
    return this.#faultsInARow >= Math.max(10, 2 * this.#settings.minimumRequests);
  }

  #isOverThreshold(nowMs: number): boolean {
    const { minimumRequests, errorThresholdPercent } = this.#settings;
    const [begun, failed] = [this.#begun, this.#failed].map((counts) =>
      counts.slice(Math.max(0, this.#bucket(nowMs) - BUCKETS + 1)).reduce((sum, number) => sum + number, 0),
    ) as [number, number];
    return begun >= minimumRequests && failed * 100 >= errorThresholdPercent * begun;
  }

  #bucket(nowMs: number): number {
    return Math.floor(((nowMs - this.#startMs) * BUCKETS) / this.#settings.windowMs);
  }
}

function count(counts: number[], bucket: number): void {
  counts[bucket] = (counts[bucket] ?? 0) + 1;
}
