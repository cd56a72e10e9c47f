import { z } from "zod";
import { dashboardReport, failoverReport } from "../api/dashboard.ts";
import { errorAnswer } from "../api/error.ts";
import { fleetReport, sfuReport } from "../api/fleet.ts";
import { alive, noop, readiness } from "../api/life.ts";
import { rankingReport, standpoint } from "../api/ranking.ts";
import { drainReport, heartbeatTaken } from "../api/sfu.ts";
import { sfuIdentity } from "../config/schema.ts";
import { channelSchema } from "../sfu/channel.ts";
import { downSchema, upSchema } from "../sfu/registration/heartbeat.ts";
import { explained, tidied } from "./json-schema.ts";
import type { Json } from "./json.ts";

/** Every schema that has a name in the document; the others stand where they are used. */
const NAMED = {
  Channel: explained(channelSchema, "What an SFU makes of a conference.", {
    uuid: { description: "The channel's id on its SFU." },
    url: { description: "Where the browsers connect, `http` or `https`.", format: "uri" },
  }),
  Heartbeat: explained(upSchema, "What an SFU, or an agent beside it, says of itself.", {
    status: {},
    address: { description: "The SFU's origin: its identity." },
    region: { description: "Where it stands. Case does not matter." },
    key: {
      description: "Its AUTH_KEY, base64 text of 32 bytes or more. Never logged, never shown.",
      format: "password",
    },
    channels: { description: "Its conferences." },
    sessions: { description: "Participants in all of them." },
    cpuUsage: { description: "The share of its host's processors in use." },
    memoryUsage: { description: "The share of its host's memory in use." },
    maxSessions: { description: "How many sessions fill it; else `[balancing] max_sessions` of the gateway." },
  }),
  SignOff: explained(downSchema, "It takes its leave. What it tells beside its address counts for nothing."),
  HeartbeatTaken: explained(heartbeatTaken),
  SfuIdentity: explained(sfuIdentity, "Which SFU.", { address: { description: "Its URL, spelt like any URL." } }),
  DrainReport: explained(drainReport),
  Fleet: explained(fleetReport),
  Sfu: explained(sfuReport),
  Dashboard: explained(dashboardReport),
  Failover: explained(failoverReport),
  Ranking: explained(rankingReport),
  Standpoint: explained(standpoint),
  Alive: explained(alive),
  Noop: explained(noop),
  Readiness: explained(readiness),
  Error: explained(errorAnswer),
} as const;

export type SchemaName = keyof typeof NAMED;

const placeOf = (name: string): string => `#/components/schemas/${name}`;

export function schemaRef(name: SchemaName): Json {
  return { $ref: placeOf(name) };
}

/** All of them as JSON Schema 2020-12, as what is sent: before anything is transformed. */
export function schemas(): Json {
  const names = z.registry<{ readonly id: string }>();
  for (const [id, { schema }] of Object.entries(NAMED)) names.add(schema, { id });
  const converted = z.toJSONSchema(names, { target: "draft-2020-12", io: "input", uri: placeOf }).schemas;
  return Object.fromEntries(
    Object.entries(NAMED).map(([name, { explain }]) => [name, explain(tidied(converted[name] as Json))]),
  );
}
