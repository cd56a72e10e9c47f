/** What the gateway promises, in milliseconds: `retry_timeout_ms`. */
export const BUDGET_MS = 2500;

/** For the way there and back, and for a machine with more to do. */
export const MARGIN_MS = 300;

/** When Odoo gives up (contract.md). */
export const ODOO_WAITS_MS = 3000;

/** After an SFU has returned, and after one was out: from then on everybody has to count on it. */
export const RECOVERY_MS = 3000;

/** An SFU that dies is out of the ranking by two intervals of the probes, the last of which may take its second. */
export const DETECTION_MS = 5000;

/** So many SFUs a call may ask: `max_retries`. */
export const MOST_ASKED = 3;

/** Simultaneous joins share an answer (`lib/failover/coalesce.ts`): one may be so old. */
export const SHARED_MS = 750;
