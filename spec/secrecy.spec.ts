import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { useCleanup } from "./support/cleanup.ts";
import { createLeakWatch, leakWatch, type Leak } from "./support/leaked-secrets.ts";
import { useProcesses } from "./support/process.ts";
import { GATEWAY_KEY, sfuKey, token } from "./support/tokens.ts";

/** What root hooks do for every spec is shown here to be able to fail. */
describe("what looks for secrets in all suites", () => {
  const cleanUp = useCleanup();
  const startProcess = useProcesses();

  /** One that answers like a gateway, unless it is told to keep the id to itself. */
  const answering = async (body: string, headers: Readonly<Record<string, string>>): Promise<string> => {
    const server: Server = createServer((_request, response) => {
      response.writeHead(200, headers);
      response.write(body.slice(0, 20), () => response.end(body.slice(20)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUp(() => server.close());
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  };
  const secretsOf = (leaks: readonly Leak[]): readonly string[] => [...new Set(leaks.map(({ secret }) => secret))];

  it("finds a key in an answer, however it is cut", async () => {
    await (await fetch(await answering(`{"health": "${GATEWAY_KEY}"}`, { "X-Request-Id": "1" }))).text();
    expect(secretsOf(leakWatch.found())).to.deep.equal(["the gateway's key"]);
  });

  it("finds a token that nobody has told it of", async () => {
    await (await fetch(await answering(`{"message": "bad token ${token()}"}`, { "x-request-id": "1" }))).text();
    expect(secretsOf(leakWatch.found())).to.deep.equal(["a token"]);
  });

  it("finds a key in a header", async () => {
    await (await fetch(await answering("{}", { "X-Request-Id": "1", "X-Key": sfuKey(2) }))).text();
    expect(secretsOf(leakWatch.found())).to.deep.equal(["the key of SFU 2"]);
  });

  it("finds a token in what a process says", async () => {
    const { exitCode } = startProcess({
      args: ["token", "--iss", "room"],
      env: { SFU_GATEWAY_KEY: GATEWAY_KEY },
    });
    expect(await exitCode).to.equal(0);
    expect(secretsOf(leakWatch.found())).to.deep.equal(["a token"]);
  });

  it("does not mind what an SFU or a list of them says", async () => {
    await (await fetch(await answering(`{"key": "${GATEWAY_KEY}"}`, {}))).text();
    expect(leakWatch.found()).to.deep.equal([]);
  });

  describe("of what it is told", () => {
    it("keeps what settings call a key or a token, in JSON too, and not the paths to them", () => {
      const watch = createLeakWatch();
      watch.keepAllIn({
        SFU_GATEWAY_KEY: "b25lIGtleSBvZiBtYW55, YW5vdGhlciBvbmUgb2YgbWFueQ==",
        SFU_GATEWAY_ADMIN_TOKEN: "an admin's token",
        SFU_GATEWAY_REGISTRATION_KEY_FILE: "/etc/some/file",
        SFU_GATEWAY_NODES: JSON.stringify({
          sfu: [{ address: "http://10.0.0.1:8070", key: "dGhlIGtleSBvZiBhbiBTRlU=" }],
        }),
      });
      watch.look("b25lIGtleSBvZiBtYW55", "here");
      watch.look("YW5vdGhlciBvbmUgb2YgbWFueQ==", "here");
      watch.look("an admin's token", "here");
      watch.look("dGhlIGtleSBvZiBhbiBTRlU=", "here");
      expect(secretsOf(watch.found())).to.deep.equal(["SFU_GATEWAY_KEY", "SFU_GATEWAY_ADMIN_TOKEN", "key"]);
      watch.look("/etc/some/file http://10.0.0.1:8070", "here");
      expect(watch.found()).to.deep.equal([]);
    });

    it("knows a key by its bytes, too, and shows what is around it and not itself", () => {
      const watch = createLeakWatch();
      watch.keep("a key", "dGhlIGtleSBvZiBhbiBTRlU=");
      watch.look("before the key of an SFU after", "a log line");
      expect(watch.found()).to.deep.equal([{ secret: "a key, raw", where: "a log line", around: "before […] after" }]);
    });
  });
});
