import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { DashboardReport } from "../api/dashboard.ts";
import type { FleetReport } from "../api/fleet.ts";
import type { Clock } from "../clock.ts";
import { VERSION } from "../version.ts";
import type { GatewayMiddleware } from "./context.ts";
import type { PageReport } from "./dashboard/report.js";
import type { RecentFailovers } from "./recent-failovers.ts";

export interface DashboardTools {
  readonly clock: Clock;
  readonly fleet: () => FleetReport;
  readonly failovers: RecentFailovers;
}

/** What one look has cost serves everybody who looks within this time. */
const FRESH_MS = 500;

/** Fits into the first packets of a connection as it is. */
const SMALL_BYTES = 8192;

const compress = promisify(gzip);

interface Look {
  readonly atMs: number;
  readonly json: string;
  gzipped: Promise<Buffer> | null;
}

/**
 * `GET /dashboard/data`: what the page shows, asked for every two seconds. Polled and not streamed: a stream would be a
 * connection that a shutdown has to cut and that proxies hold back or end, with a state for each viewer, while all of
 * the fleet has to be sent anyhow, for loads and ages always change. A look is a request like any other, and of a
 * thousand SFUs some 50 kB, worked out once however many look.
 */
export function reportDashboard({ clock, fleet, failovers }: DashboardTools): GatewayMiddleware {
  const startedAt = new Date(clock.now()).toISOString();
  let latest: Look | null = null;

  const look = (): Look => {
    const atMs = clock.monotonic();
    if (latest === null || atMs - latest.atMs >= FRESH_MS) {
      const report: DashboardReport = {
        now: new Date(clock.now()).toISOString(),
        gateway: { version: VERSION, startedAt },
        fleet: fleet(),
        failovers: failovers.all(),
        maxFailovers: failovers.limit,
      };
      latest = { atMs, json: JSON.stringify(report satisfies PageReport), gzipped: null };
    }
    return latest;
  };

  return async ({ request, response }) => {
    const now = look();
    response.set({
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      "Cross-Origin-Resource-Policy": "same-origin",
    });
    response.vary("Accept-Encoding");
    response.type = "application/json";
    if (now.json.length < SMALL_BYTES || request.acceptsEncodings("gzip", "identity") !== "gzip") {
      response.body = now.json;
      return;
    }
    response.set("Content-Encoding", "gzip");
    response.body = await (now.gzipped ??= compress(now.json, { level: 4 }));
  };
}
