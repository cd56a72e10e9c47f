import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the range that systems hand out by themselves (Linux: from 32768), so that nobody takes it while it is closed. */
const RANGE = { from: 20_000, to: 32_768 };

const ATTEMPTS = 50;

/** A port of loopback that is free, and stays so while nobody asks for it by its number. */
export async function portForGood(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(RANGE.from, RANGE.to);
    const server = createServer();
    try {
      const listens = once(server, "listening");
      server.listen(port, "127.0.0.1");
      await listens;
      await once(server.close(), "close");
      return port;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
