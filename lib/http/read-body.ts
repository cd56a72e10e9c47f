import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";

/**
 * Reads the body of a request to its end. What comes after `maxBytes` is let go by unread, so that the caller sees the
 * refusal instead of a connection that breaks under his hands.
 *
 * @throws {GatewayError} 413 `body_too_large`, 499 `caller_gone`
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (settle: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("close", onGone).off("error", onGone);
      // Without a listener an error would be nobody's, and end the process.
      request.on("error", () => undefined);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > maxBytes) refuse();
    };
    const onEnd = (): void => end(() => resolve(Buffer.concat(chunks)));
    const onGone = (): void =>
      end(() => reject(new GatewayError("caller_gone", "the caller hung up", { status: 499 })));
    const refuse = (): void => {
      const message = `the body is larger than ${String(maxBytes / 1024)} KB`;
      // What is still to come goes on flowing, to nobody.
      end(() => reject(new GatewayError("body_too_large", message, { status: 413 })));
    };

    request.on("data", onData).on("end", onEnd).on("close", onGone).on("error", onGone);
    // Whoever hung up before this was called is not announced again.
    if (request.destroyed) onGone();
    else if (Number(request.headers["content-length"] ?? 0) > maxBytes) refuse();
  });
}
