import { randomUUID } from "node:crypto";
import type { AuthKey } from "../../auth/keys.ts";
import { signClaims } from "../../auth/resign.ts";
import { type Clock, withDeadline } from "../../clock.ts";
import { SfuError } from "../../errors.ts";
import { createExchange } from "../../sfu/exchange.ts";
import { VERSION } from "../../version.ts";
import { type Outcome, readAnswer } from "./answer.ts";
import type { Heartbeat } from "./heartbeat.ts";

export interface SendBounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface GatewayClient {
  /** @throws the reason of `bounds.signal` as soon as that is aborted, and nothing else */
  send(heartbeat: Heartbeat, bounds: SendBounds): Promise<Outcome>;
}

/** A token is for one heartbeat. */
const TOKEN_TTL_S = 60;

/** @param url the gateway's, without `/v1/sfu` */
export function createGatewayClient(url: string, registrationKey: AuthKey, clock: Clock): GatewayClient {
  // A connection a heartbeat: there is none to go stale in between, and none to be left behind.
  const exchange = createExchange({ idleMs: 0 });

  const sign = (): Promise<string> => {
    const iat = Math.floor(clock.now() / 1000);
    return signClaims({ iat, exp: iat + TOKEN_TTL_S, jti: randomUUID() }, registrationKey);
  };

  const post = async (heartbeat: Heartbeat, signal: AbortSignal): Promise<Outcome> => {
    const token = await sign();
    const headers = { authorization: `Bearer ${token}`, "user-agent": `sfu-gateway-agent/${VERSION}` };
    const { status, body } = await exchange.post({ url: `${url}/v1/sfu`, headers, signal }, heartbeat);
    return readAnswer(status, body, [heartbeat.key, token]);
  };

  return {
    async send(heartbeat, { timeoutMs, signal }) {
      const onTimeout = (): SfuError =>
        new SfuError("timeout", `did not answer within ${String(Math.round(timeoutMs))} ms`);
      try {
        return await withDeadline({ clock, timeoutMs, signal, onTimeout }, (deadline) => post(heartbeat, deadline));
      } catch (error) {
        if (signal.aborted || !(error instanceof SfuError)) throw error;
        return { kind: "unreachable", why: error.message };
      }
    },
  };
}
