import type { SfuReport } from "../../lib/api/fleet.ts";

/** An SFU of `/v1/health` that is well; the rest as the spec needs. */
export function sfuReport(parts: Partial<SfuReport> = {}): SfuReport {
  return {
    address: "http://sfu1.test",
    region: "eu-west-3",
    source: "static",
    available: true,
    out: null,
    state: "healthy",
    reason: null,
    since: "2026-01-05T08:30:00.000Z",
    breaker: "closed",
    load: { sessions: 3, channels: 1, cpu: null, memory: null, maxSessions: 1000, expected: 0 },
    score: 0.003,
    reportAgeMs: 1200,
    draining: false,
    ...parts,
  };
}
