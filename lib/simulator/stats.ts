import type { SimulatedChannel } from "./channels.ts";

/** One object of `/v1/stats`, in the order of the real one. */
export interface ChannelStats {
  readonly createDate: string;
  readonly uuid: string;
  readonly remoteAddress: string;
  readonly sessionsStats: {
    /** Bits per second. */
    readonly incomingBitRate: {
      readonly audio: number;
      readonly camera: number;
      readonly screen: number;
      readonly total: number;
    };
    readonly count: number;
    readonly cameraCount: number;
    readonly screenCount: number;
  };
  readonly webRtcEnabled: boolean;
}

/** What one session sends, in bits per second: the order of magnitude of a real call. */
const bitRates = { audio: 32_000, camera: 700_000, screen: 1_500_000 };

export function statsOf(channel: SimulatedChannel): ChannelStats {
  const count = channel.sessions.length;
  const cameraCount = channel.sessions.filter(({ camera }) => camera).length;
  const screenCount = channel.sessions.filter(({ screen }) => screen).length;
  const audio = count * bitRates.audio;
  const camera = cameraCount * bitRates.camera;
  const screen = screenCount * bitRates.screen;
  return {
    createDate: channel.createDate,
    uuid: channel.uuid,
    remoteAddress: channel.identity,
    sessionsStats: {
      incomingBitRate: { audio, camera, screen, total: audio + camera + screen },
      count,
      cameraCount,
      screenCount,
    },
    webRtcEnabled: channel.webRtc,
  };
}
