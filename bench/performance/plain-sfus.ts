import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/*
 * SFUs that answer at once and look at nothing, in a process of their own: so that what is measured is the one in front of
 * them. The simulated ones check signatures, which costs as much as the whole of nginx. Tells their addresses, and ends with
 * its parent.
 */
const SFUS = Number(process.env.SFUS ?? 3);

const END_OF_HEAD = "\r\n\r\n";

function answer(body: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\nKeep-Alive: timeout=5`;
  return Buffer.from(`${head}${END_OF_HEAD}${body}`);
}

function serve(socket: Socket, channel: Buffer): void {
  let rest = "";
  socket.setNoDelay();
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes: Buffer) => {
    rest += bytes.toString("latin1");
    for (let end = rest.indexOf(END_OF_HEAD); end >= 0; end = rest.indexOf(END_OF_HEAD)) {
      const head = rest.slice(0, end);
      rest = rest.slice(end + END_OF_HEAD.length);
      if (head.startsWith("GET /v1/channel")) socket.write(channel);
      else if (head.startsWith("GET /v1/stats")) socket.write(NO_CHANNELS);
      else socket.write(NOOP);
      if (/\r\nConnection: close/i.test(head)) socket.end();
    }
  });
}

const NOOP = answer('{"result":"ok"}');
const NO_CHANNELS = answer("[]");

const addresses = await Promise.all(
  Array.from({ length: SFUS }, (_, index) => {
    const uuid = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
    const channel = answer(JSON.stringify({ uuid, url: "http://sfu.test:8070" }));
    const server = createServer((socket) => serve(socket, channel));
    return new Promise<string>((resolve) => {
      server.listen(0, "127.0.0.1", 4096, () => {
        resolve(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
      });
    });
  }),
);
process.send?.(addresses);
process.once("disconnect", () => process.exit());
