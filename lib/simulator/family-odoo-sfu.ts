import type { FamilyRules } from "./family.ts";

/** odoo/sfu 1.3.3, contract.md "What odoo/sfu answers". */
export const odooSfu: FamilyRules = {
  minKeyBytes: 0,
  maxHeaderBytes: 16 * 1024,
  maxDisconnectBytes: Infinity,
  isDisconnectBoundToCaller: true,
  badTokenStatus: 500,
  token: { strict: false, maxBytes: Infinity, expiresAtExp: false },
  tokenIn(authorization) {
    // Whatever the scheme; a second space leaves nothing to read, as in the real one.
    const token = authorization?.split(" ")[1] ?? "";
    return token === "" ? null : token;
  },
  acceptsQuery: () => true,
  channelKey({ key }) {
    if (key === undefined) return { kind: "key", key: null };
    return typeof key === "string" ? { kind: "key", key } : { kind: "refused", status: 500 };
  },
  conflicts: () => false,
  mayReadStats: () => true,
};
