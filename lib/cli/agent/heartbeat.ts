import type { AgentConfig, AgentSecrets } from "../../config/agent.ts";
import type { Stats } from "../../sfu/stats.ts";

/** `down` signs the SFU off. */
export type Status = "up" | "down";

/** What the SFU carries, and how busy its host is: shares from 0 to 1. */
export interface Load extends Pick<Stats, "sessions" | "channels"> {
  readonly cpu: number;
  readonly memory: number;
}

/** The body of a `POST /v1/sfu`. Holds the SFU's key: it is for the gateway and nobody else. */
export interface Heartbeat {
  readonly status: Status;
  readonly address: string;
  readonly region: string;
  readonly key: string;
  readonly channels: number;
  readonly sessions: number;
  readonly cpuUsage: number;
  readonly memoryUsage: number;
  readonly maxSessions?: number;
}

/** A sign-off has to hold figures too, which nobody reads. */
export const NO_LOAD: Load = { channels: 0, sessions: 0, cpu: 0, memory: 0 };

export function heartbeatOf(status: Status, load: Load, config: AgentConfig, secrets: AgentSecrets): Heartbeat {
  const { address, region, maxSessions } = config;
  return {
    status,
    address,
    region,
    key: secrets.authKey.reveal(),
    channels: load.channels,
    sessions: load.sessions,
    cpuUsage: load.cpu,
    memoryUsage: load.memory,
    ...(maxSessions === null ? {} : { maxSessions }),
  };
}
