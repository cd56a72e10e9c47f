import { parseKey } from "../../auth/keys.ts";
import { signClaims } from "../../auth/resign.ts";
import { systemClock } from "../../clock.ts";
import type { AttemptEvent } from "../../events.ts";
import type { Fleet } from "./fleet.ts";

/** One call as Odoo saw it, with what the gateway did for it. */
export interface CallResult {
  readonly number: number;
  readonly region: string | null;
  readonly status: number;
  /** Who served it, or null. */
  readonly by: string | null;
  /** What Odoo waited, in milliseconds. */
  readonly ms: number;
  /** `paris-1 timeout`, for each SFU that was asked in vain. */
  readonly failed: readonly string[];
}

export interface CallOptions {
  readonly conference?: string;
  readonly region?: string | null;
}

/** Asks the gateway for channels over HTTP, with tokens signed as Odoo signs them. */
export interface Caller {
  call(options?: CallOptions): Promise<CallResult>;
}

export function createCaller(fleet: Fleet): Caller {
  const key = parseKey(fleet.gatewayKey);
  const attempts = new Map<string, AttemptEvent[]>();
  let made = 0;
  fleet.app.events.on("attempt", (attempt) => {
    attempts.set(attempt.requestId, [...(attempts.get(attempt.requestId) ?? []), attempt]);
  });

  return {
    async call({ conference, region = null } = {}) {
      const number = ++made;
      const iss = conference ?? `https://odoo.example.com:channel:${String(number)}`;
      const exp = Math.floor(systemClock.now() / 1000) + 30;
      const token = await signClaims({ iss, key: Buffer.from(iss).toString("base64"), exp }, key);
      const requestId = `demo-${String(number)}`;
      const startedMs = systemClock.monotonic();
      const response = await fetch(`${fleet.url}/v1/channel${region === null ? "" : `?region=${region}`}`, {
        headers: { authorization: `Bearer ${token}`, "x-request-id": requestId },
      });
      const body = (await response.json()) as { readonly url?: string };
      const failed = (attempts.get(requestId) ?? []).flatMap(({ sfu, error }) =>
        error === null ? [] : [`${fleet.nameOf(sfu.address)} ${error.failure}`],
      );
      return {
        number,
        region,
        status: response.status,
        by: body.url === undefined ? null : fleet.nameOf(body.url),
        ms: systemClock.monotonic() - startedMs,
        failed,
      };
    },
  };
}
