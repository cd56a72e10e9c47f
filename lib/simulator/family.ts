import type { Claims, TokenRules } from "./token.ts";

export type SfuFamily = "odoo-sfu" | "o-sfu";

/** What the first request for an `iss` settles. */
export interface ChannelSettings {
  /** The channel's own key as base64 text, `null` for none. */
  readonly key: string | null;
  readonly webRtc: boolean;
  readonly recordingAddress: string | null;
}

export type ChannelKey =
  { readonly kind: "key"; readonly key: string | null } | { readonly kind: "refused"; readonly status: number };

/** All that the two families do differently; the rest of the simulator does not know which one it is. */
export interface FamilyRules {
  readonly minKeyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxDisconnectBytes: number;
  /** Whether only the identity that made a channel may disconnect its sessions. */
  readonly isDisconnectBoundToCaller: boolean;
  /** The status of `/v1/channel` for a token that fails its check. */
  readonly badTokenStatus: number;
  readonly token: TokenRules;
  /** The token of an Authorization header, `null` where there is none. */
  tokenIn(authorization: string | undefined): string | null;
  acceptsQuery(query: URLSearchParams): boolean;
  channelKey(claims: Claims, authKey: Buffer): ChannelKey;
  /** Whether a repeated `iss` is refused because it asks for something else than the channel has. */
  conflicts(held: ChannelSettings, wanted: ChannelSettings): boolean;
  mayReadStats(authorization: string | undefined, diagnosticsToken: string | null): boolean;
}
