import { sign } from "../auth/resign.ts";
import { type Clock, withDeadline } from "../clock.ts";
import { SfuError } from "../errors.ts";
import type { AddressRules } from "./registration/address-rules.ts";
import { parseChannel, type Channel } from "./channel.ts";
import { type Answer, createExchange, type Exchange, type ExchangeRequest } from "./exchange.ts";
import type { Sfu } from "./sfu.ts";
import { MAX_STATS_BYTES, parseStats, type Stats } from "./stats.ts";
import { sendByHttp } from "./transport/http.ts";

/** One request for a channel, as it goes to whichever SFU takes it. */
export interface JoinRequest {
  /** The claims, JSON in UTF-8: what {@link outgoingClaims} made of them. */
  readonly payload: Buffer;
  /** The query string without `?` and without the gateway's own parameters; empty for none. */
  readonly query: string;
  /** The address of whoever asked the gateway: with `PROXY` set an SFU takes it for the channel's owner. */
  readonly callerAddress: string;
  readonly requestId: string;
}

/** Sessions that shall end, as it goes to the SFU that has them. */
export interface DisconnectRequest extends Omit<JoinRequest, "query"> {
  /** The claims, JSON in UTF-8: those of this SFU's channels alone. */
  readonly payload: Buffer;
}

export interface AttemptBounds {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What an SFU makes of its key. A 500 may also mean that it is broken: odoo/sfu does not tell. */
export type KeyCheck = "accepted" | "refused" | "refused or broken";

/** The only way to talk HTTP to an SFU. Every method throws {@link SfuError} and nothing else. */
export interface SfuClient {
  /** @returns the channel, with the SFU's `publicUrl` in place of whatever URL it answered */
  join(sfu: Sfu, request: JoinRequest, bounds: AttemptBounds): Promise<Channel>;
  /** Whether anybody answers at all. */
  noop(sfu: Sfu, bounds: AttemptBounds): Promise<void>;
  /**
   * Whether the SFU accepts the key that the gateway has for it. A token without `iss` gets 403 where the key is
   * right, 401 (o-sfu) or 500 (odoo/sfu) where it is wrong; no channel is made (contract.md, «A key check without a
   * side effect»). Any other answer is an error.
   */
  checkKey(sfu: Sfu, bounds: AttemptBounds): Promise<KeyCheck>;
  /** What it carries, from its `/v1/stats`. */
  stats(sfu: Sfu, bounds: AttemptBounds): Promise<Stats>;
  /**
   * Ends sessions. That the SFU took it does not say that there were any: channels that it does not have, or that
   * belong to another caller, it skips in silence (contract.md).
   */
  disconnect(sfu: Sfu, request: DisconnectRequest, bounds: AttemptBounds): Promise<void>;
  close(): void;
}

/** What a gateway is called in the Via header of a disconnect: whoever gets one back from itself knows it by that. */
export const VIA = "sfu-gateway";

/** As long as Odoo's own tokens live (contract.md). */
const KEY_CHECK_TTL_S = 30;

/** @param rules what connections to SFUs that have registered themselves must keep to; null where none can */
export function createSfuClient(
  clock: Clock,
  exchange: Exchange = createExchange({ transport: sendByHttp }),
  rules: Pick<AddressRules, "lookupFor"> | null = null,
): SfuClient {
  const bounded = (
    sfu: Sfu,
    { timeoutMs, signal }: AttemptBounds,
    send: (parts: Pick<ExchangeRequest, "signal" | "lookup">) => Promise<Answer>,
  ): Promise<Answer> => {
    const onTimeout = (): SfuError =>
      new SfuError("timeout", `did not answer within ${String(Math.round(timeoutMs))} ms`);
    // The reason of a signal is its owner's; what it means for the attempt is always the same.
    const onAbort = (): SfuError => new SfuError("aborted", "was given up, for nobody waited any more");
    return withDeadline({ clock, timeoutMs, signal, onTimeout, onAbort }, (deadline) => {
      const lookup = sfu.source === "heartbeat" ? (rules?.lookupFor(sfu.address) ?? null) : null;
      return send(lookup === null ? { signal: deadline } : { signal: deadline, lookup });
    });
  };

  const get = (
    sfu: Sfu,
    path: string,
    headers: Readonly<Record<string, string>>,
    bounds: AttemptBounds,
    maxBytes?: number,
  ): Promise<Answer> =>
    bounded(sfu, bounds, (parts) =>
      exchange.get({ url: sfu.address + path, headers, ...parts, ...(maxBytes === undefined ? {} : { maxBytes }) }),
    );

  return {
    async join(sfu, { payload, query, callerAddress, requestId }, bounds) {
      const headers = {
        ...edgeHeaders(sfu),
        authorization: `Bearer ${sign(payload, sfu.key)}`,
        "x-forwarded-for": callerAddress,
        "x-request-id": requestId,
      };
      const answer = await get(sfu, `/v1/channel${query === "" ? "" : `?${query}`}`, headers, bounds);
      requireStatus(answer, 200);
      requirePlain(answer);
      const channel = parseChannel(answer.body);
      return sfu.publicUrl === null ? channel : { ...channel, url: sfu.publicUrl };
    },

    async noop(sfu, bounds) {
      requireStatus(await get(sfu, "/v1/noop", {}, bounds), 200);
    },

    async checkKey(sfu, bounds) {
      const claims = Buffer.from(JSON.stringify({ exp: Math.floor(clock.now() / 1000) + KEY_CHECK_TTL_S }));
      const headers = { ...edgeHeaders(sfu), authorization: `Bearer ${sign(claims, sfu.key)}` };
      const answer = await get(sfu, "/v1/channel", headers, bounds);
      if (answer.status === 403) return "accepted";
      if (answer.status === 401) return "refused";
      if (answer.status === 500) return "refused or broken";
      throw unexpectedStatus(answer.status);
    },

    async stats(sfu, bounds) {
      const { statsToken } = sfu;
      const headers: Record<string, string> =
        statsToken === null ? {} : { authorization: `Bearer ${statsToken.reveal()}` };
      const answer = await get(sfu, "/v1/stats", headers, bounds, MAX_STATS_BYTES);
      requireStatus(answer, 200);
      requirePlain(answer);
      return parseStats(answer.body);
    },

    async disconnect(sfu, { payload, callerAddress, requestId }, bounds) {
      const headers = {
        ...edgeHeaders(sfu),
        "x-forwarded-for": callerAddress,
        "x-request-id": requestId,
        via: `1.1 ${VIA}`,
      };
      const { status } = await bounded(sfu, bounds, (parts) =>
        exchange.postText({ url: `${sfu.address}/v1/disconnect`, headers, ...parts }, sign(payload, sfu.key)),
      );
      if (status === 200) return;
      // What either family says of a token that is not signed with its key; odoo/sfu of anything that it did not like.
      if (status === 422) throw new SfuError("unauthorized", "refused the token that the gateway signed for it", 422);
      if (status === 508) throw new SfuError("status_5xx", `${LOOPS} (508)`, status);
      throw unexpectedStatus(status);
    },

    close: () => exchange.close(),
  };
}

const LOOPS = "is an edge that sent the gateway's own disconnect back to a gateway and not on to its SFU";

type EdgeHeaders = Readonly<Record<"x-forwarded-host" | "x-forwarded-proto", string>>;

const edges = new WeakMap<Sfu, EdgeHeaders>();

/** odoo/sfu with `PROXY` builds its answer's URL from these; the gateway's own host there would catch the browsers. */
function edgeHeaders(sfu: Sfu): EdgeHeaders {
  const present = edges.get(sfu);
  if (present !== undefined) return present;
  const { host, protocol } = new URL(sfu.publicUrl ?? sfu.address);
  const edge = { "x-forwarded-host": host, "x-forwarded-proto": protocol.slice(0, -1) };
  edges.set(sfu, edge);
  return edge;
}

function requireStatus(answer: Answer, status: number): void {
  if (answer.status !== status) throw unexpectedStatus(answer.status);
}

/** «Not JSON» would be true as well, and somebody would look for it in vain: tools decompress what they show. */
function requirePlain({ status, headers: { "content-encoding": encoding = "identity" } }: Answer): void {
  if (encoding === "identity") return;
  throw new SfuError("garbage", "answered with a compressed body, which was not asked for", status);
}

function unexpectedStatus(status: number): SfuError {
  if (status === 401) return new SfuError("unauthorized", "refused the token that the gateway signed for it", status);
  const message = `answered with status ${String(status)}`;
  if (status >= 500) return new SfuError("status_5xx", message, status);
  if (status >= 400) return new SfuError("status_4xx", message, status);
  if (status >= 300) {
    return new SfuError("redirect", "answered with a redirect, which Odoo would not survive", status);
  }
  return new SfuError("garbage", message, status);
}
