import type { Secret } from "../../auth/secret.ts";
import { type Clock, withDeadline } from "../../clock.ts";
import { SfuError } from "../../errors.ts";
import { createExchange } from "../../sfu/exchange.ts";
import { MAX_STATS_BYTES, parseStats, type Stats } from "../../sfu/stats.ts";

/** What came of asking the SFU for its statistics. */
export type Reading =
  | { readonly kind: "stats"; readonly stats: Stats }
  /** It is there, and wants a token or another one. */
  | { readonly kind: "refused"; readonly status: number }
  /** `why` goes on after «it». */
  | { readonly kind: "failed"; readonly why: string };

export interface StatsReader {
  /** @throws the reason of `signal` as soon as that is aborted, and nothing else */
  read(signal: AbortSignal): Promise<Reading>;
  close(): void;
}

/** So many readings in a row have to fail before the SFU is signed off. */
export const PATIENCE = 2;

/** With 2,001 channels an SFU takes 12 ms (contract.md). */
export const STATS_TIMEOUT_MS = 2000;

/** @param url where the SFU answers, without `/v1/stats` */
export function createStatsReader(url: string, token: Secret | null, clock: Clock): StatsReader {
  const exchange = createExchange();
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token.reveal()}` };
  const onTimeout = (): SfuError =>
    new SfuError("timeout", `did not answer within ${String(STATS_TIMEOUT_MS / 1000)} s`);

  return {
    async read(signal) {
      try {
        const bounds = { clock, timeoutMs: STATS_TIMEOUT_MS, signal, onTimeout };
        const { status, body } = await withDeadline(bounds, (deadline) =>
          exchange.get({ url: `${url}/v1/stats`, headers, signal: deadline, maxBytes: MAX_STATS_BYTES }),
        );
        if (status === 401 || status === 403) return { kind: "refused", status };
        if (status !== 200) return { kind: "failed", why: `answered with status ${String(status)}` };
        return { kind: "stats", stats: parseStats(body) };
      } catch (error) {
        if (signal.aborted || !(error instanceof SfuError)) throw error;
        return { kind: "failed", why: error.message };
      }
    },
    close: () => exchange.close(),
  };
}
