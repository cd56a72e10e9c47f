import type { DashboardReport, FailoverReport } from "../api/dashboard.ts";
import type { DrainReport, HeartbeatTaken } from "../api/sfu.ts";
import type { FleetReport, SfuReport, StoreReport } from "../api/fleet.ts";
import type { RankingReport, Standpoint } from "../api/ranking.ts";
import { VERSION } from "../version.ts";
import type { Channel } from "../sfu/channel.ts";

const PARIS = "http://sfu1.internal.example:8070";
const VIRGINIA = "https://sfu2.example.com";

const paris: SfuReport = {
  address: PARIS,
  region: "eu-west-3",
  source: "static",
  available: true,
  out: null,
  state: "healthy",
  reason: null,
  since: "2026-01-05T08:30:00.000Z",
  breaker: "closed",
  load: { sessions: 120, channels: 31, cpu: 0.42, memory: 0.55, maxSessions: 1000, expected: 3.9344 },
  score: 0.2999,
  reportAgeMs: 1532,
  draining: false,
};

const virginia: SfuReport = {
  ...paris,
  address: VIRGINIA,
  region: "us-east-1",
  source: "heartbeat",
  available: false,
  out: "down",
  state: "down",
  reason: "refused the connection (ECONNREFUSED)",
  load: null,
  score: 0.296,
  reportAgeMs: null,
};

const shared: StoreReport = { away: false, forSeconds: null, instances: 2 };

const first: Standpoint = {
  address: PARIS,
  region: "eu-west-3",
  rank: 1,
  assigned: false,
  out: null,
  reason: null,
  weight: 1,
  load: { sessions: 0.06, cpu: 0.126, memory: 0.11, assumed: null, expected: 0.00393, total: 0.29993 },
  distanceKm: 0,
  room: 0.025,
  distance: 0,
  score: 0.32493,
  share: 1,
};

const out: Standpoint = {
  ...first,
  address: VIRGINIA,
  region: "us-east-1",
  rank: null,
  out: "down",
  reason: "it refused the connection (ECONNREFUSED)",
  load: { sessions: null, cpu: null, memory: null, assumed: 0.296, expected: 0, total: 0.296 },
  distanceKm: 6191,
  distance: 0.30933,
  score: 0.63033,
};

const failover: FailoverReport = {
  id: "1",
  at: "2026-01-05T08:30:02.000Z",
  outcome: "ok",
  ms: 7.2,
  attempts: [
    { sfu: VIRGINIA, failure: "refused", message: "refused the connection (ECONNREFUSED)", ms: 2.9 },
    { sfu: PARIS, failure: null, message: null, ms: 3.6 },
  ],
  servedBy: PARIS,
};

const drained: DrainReport = { address: PARIS, draining: true, changed: true, durable: false, sessions: 120 };

/** What the document shows; a spec holds them against the schemas. */
export const examples = {
  channel: { uuid: "9d1bb2f6-0a4e-4f5e-8d8a-3a5a3c0f7c11", url: "https://sfu1.example.com" } satisfies Channel,
  heartbeat: {
    status: "up",
    address: "https://sfu7.sfu.example.com",
    region: "eu-west-3",
    key: "ZXhhbXBsZS1rZXktb25lLXBsZWFzZS1yZXBsYWNlLWl0IQ==",
    channels: 31,
    sessions: 120,
    cpuUsage: 0.42,
    memoryUsage: 0.55,
    maxSessions: 1000,
  },
  signOff: { status: "down", address: "https://sfu7.sfu.example.com" },
  heartbeatTaken: { result: "ok", ttlMs: 30_000, draining: false } satisfies HeartbeatTaken,
  drained,
  undrained: { ...drained, draining: false, durable: true } satisfies DrainReport,
  fleet: { status: "ok", available: 1, total: 2, store: shared, sfus: [paris, virginia] } satisfies FleetReport,
  deadFleet: { status: "unavailable", available: 0, total: 1, store: null, sfus: [virginia] } satisfies FleetReport,
  dashboard: {
    now: "2026-01-05T08:31:40.000Z",
    gateway: { version: VERSION, startedAt: "2026-01-05T08:00:00.000Z" },
    fleet: { status: "ok", available: 1, total: 2, store: shared, sfus: [paris, virginia] },
    failovers: [failover],
    maxFailovers: 50,
  } satisfies DashboardReport,
  ranking: {
    strategy: "load",
    region: "eu-west-3",
    country: null,
    place: { latitude: 48.9, longitude: 2.4 },
    assigned: null,
    maxRetries: 3,
    sfus: [first, out],
  } satisfies RankingReport,
  metrics: [
    "# HELP sfu_gateway_channel_requests_total Requests for a channel by how they ended.",
    "# TYPE sfu_gateway_channel_requests_total counter",
    'sfu_gateway_channel_requests_total{outcome="ok"} 412',
  ].join("\n"),
};
