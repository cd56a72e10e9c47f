import { createHmac } from "node:crypto";
import type { FamilyRules } from "./family.ts";
import { decodeKey, sameBytes } from "./token.ts";

const base64 = /^[A-Za-z0-9+/_-]+=*$/;
const authorizationHeader = /^(?<scheme>\S+) +(?<token>\S+)$/;

/** o-sfu, contract.md "o-sfu where it differs", with the order of its checks. */
export const oSfu: FamilyRules = {
  minKeyBytes: 32,
  // Beyond the tokens' own limit, so that it is that one which speaks.
  maxHeaderBytes: 64 * 1024,
  maxDisconnectBytes: 16 * 1024,
  isDisconnectBoundToCaller: false,
  badTokenStatus: 401,
  token: { strict: true, maxBytes: 16 * 1024, expiresAtExp: true },
  tokenIn(authorization) {
    return tokenOfScheme(authorization, ["bearer", "jwt"]);
  },
  acceptsQuery(query) {
    const webRtc = query.getAll("webRTC");
    if (webRtc.length > 1 || query.getAll("recordingAddress").length > 1) return false;
    return webRtc.every((value) => value === "true" || value === "false");
  },
  channelKey({ key, keySeed }, authKey) {
    if (isPresent(keySeed)) {
      if (typeof keySeed !== "string") return { kind: "refused", status: 401 };
      if (!base64.test(keySeed)) return { kind: "refused", status: 400 };
      return { kind: "key", key: createHmac("sha256", authKey).update(decodeKey(keySeed)).digest("base64") };
    }
    if (!isPresent(key)) return { kind: "refused", status: 400 };
    return typeof key === "string" ? { kind: "key", key } : { kind: "refused", status: 401 };
  },
  conflicts(held, wanted) {
    return (
      !sameBytes(decodeKey(held.key ?? ""), decodeKey(wanted.key ?? "")) ||
      held.webRtc !== wanted.webRtc ||
      held.recordingAddress !== wanted.recordingAddress
    );
  },
  mayReadStats(authorization, diagnosticsToken) {
    // The simulator listens on loopback, where only a configured token locks the door.
    return diagnosticsToken === null || tokenOfScheme(authorization, ["bearer"]) === diagnosticsToken;
  },
};

function isPresent(claim: unknown): boolean {
  return claim !== undefined && claim !== null;
}

function tokenOfScheme(authorization: string | undefined, schemes: readonly string[]): string | null {
  const { scheme, token } = authorizationHeader.exec(authorization ?? "")?.groups ?? {};
  return scheme !== undefined && schemes.includes(scheme.toLowerCase()) ? (token ?? null) : null;
}
