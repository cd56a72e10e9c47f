import { type IncomingHttpHeaders, request as requestHttp, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import type { Duplex } from "node:stream";

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The caller's own address: any of 127.0.0.0/8. */
  readonly from?: string;
  /** PEM: whom to trust beside the usual ones. */
  readonly ca?: string;
  /** Hangs up. */
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Where the other side has switched to another protocol. */
  readonly upgraded: Duplex | null;
}

/** One request on a connection of its own, from an address that `fetch` would not let one choose. */
export function ask(
  url: string,
  { method = "GET", headers = {}, body = "", from, ca, signal }: Asked = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    // The addresses of `from` are IPv4 ones.
    const options: RequestOptions & { ca?: string } = {
      method,
      family: 4,
      headers: { connection: "close", ...headers },
      ...(signal === undefined ? {} : { signal }),
    };
    if (from !== undefined) options.localAddress = from;
    if (ca !== undefined) options.ca = ca;
    const request = (url.startsWith("https:") ? requestHttps : requestHttp)(url, options);
    request.on("error", reject);
    request.on("upgrade", ({ statusCode = 0, headers: answered }, upgraded) =>
      resolve({ status: statusCode, headers: answered, body: "", upgraded }),
    );
    request.on("response", (response) => {
      let text = "";
      response.on("data", (bytes: Buffer) => (text += bytes.toString()));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, upgraded: null }),
      );
    });
    // Without a body there is no length to be told either.
    request.end(body === "" ? undefined : body);
  });
}
