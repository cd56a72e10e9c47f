import type { IncomingMessage } from "node:http";

/** What an SFU makes of who is asking, by its `PROXY` setting (contract.md "Identity", "The returned url"). */
export interface Caller {
  readonly identity: string;
  /** What the answer's `url` will be. */
  readonly baseUrl: string;
}

export interface CallerSettings {
  /** Whether X-Forwarded-* is trusted. */
  readonly proxy: boolean;
  readonly publicIp: string;
  readonly port: number;
}

export function callerOf(request: IncomingMessage, settings: CallerSettings): Caller {
  const { proxy, publicIp, port } = settings;
  const forwarded = (name: string): string | null => (proxy ? firstElement(request.headers[name]) : null);
  const scheme = forwarded("x-forwarded-proto") === "https" ? "https" : "http";
  const host = forwarded("x-forwarded-host") ?? `${publicIp}:${port}`;
  return {
    identity: forwarded("x-forwarded-for") ?? request.socket.remoteAddress ?? "unknown",
    baseUrl: `${scheme}://${host}`,
  };
}

/** Raw: neither trimmed nor checked, as in the real one. */
function firstElement(header: string | string[] | undefined): string | null {
  const text = Array.isArray(header) ? header[0] : header;
  const [first] = text?.split(",") ?? [];
  return first === undefined || first === "" ? null : first;
}
