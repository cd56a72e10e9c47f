import { expect } from "chai";
import type { Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import type { FleetReport, SfuReport } from "../../lib/api/fleet.ts";
import type { SfuFailure } from "../../lib/errors.ts";
import type { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { SimulatedSfuList } from "../../lib/simulator/sfu-list.ts";
import { systemClock } from "../../lib/clock.ts";
import { createExchange } from "../../lib/sfu/exchange.ts";
import { sendByHttp } from "../../lib/sfu/transport/http.ts";
import { MAX_AGE_MS } from "../../lib/sfu/agents.ts";
import { type Certificate, makeAuthority, makeCertificate } from "../support/certificate.ts";
import { useCleanup } from "../support/cleanup.ts";
import { useFakeClock } from "../support/clock.ts";
import { eventually, type Patience } from "../support/eventually.ts";
import { useFleet } from "../support/fleet.ts";
import { type GatewaySetup, startGateway, type TestGateway } from "../support/gateway.ts";
import { type TlsEdge, useTlsEdges } from "../support/tls-edges.ts";

/** What an SFU is reached by, and what it shows instead of a good certificate. */
interface Case {
  readonly host?: string;
  readonly shows?: TlsOptions;
  readonly does?: (socket: Socket) => void;
  readonly failure?: SfuFailure;
  /** What the operator reads, behind the SFU's address and «it». */
  readonly says: string;
}

/** More than usual: a handshake takes its time on a machine that has more to do. */
const FAILOVER = { attemptTimeoutMs: 1500, retryTimeoutMs: 4500 };

/** A look is a request, and an SFU that has failed is probed each half second. */
const UNHURRIED: Patience = { patienceMs: 15_000, pauseMs: 20 };

describe("TLS towards SFUs", function () {
  this.timeout(20_000);
  const cleanUp = useCleanup();
  const openFleet = useFleet();
  const openEdge = useTlsEdges();
  let rooms = 0;
  const newRoom = (): string => `room ${String(++rooms)}`;

  const ours = makeAuthority({ subject: "Our authority" });
  const theirs = makeAuthority({ subject: "Their authority" });
  const between = makeAuthority({ subject: "In between", by: ours });
  const late = makeAuthority({ subject: "A late one", by: ours, until: "2026-01-03" });
  const good = makeCertificate({ by: ours, hosts: ["127.0.0.1", "sfu1.test"] });

  const open = async (setup: Partial<GatewaySetup>, edges: (sfu: SimulatedSfu) => Promise<TlsEdge>, host: string) => {
    const fleet = await openFleet(2, { latencyMs: { min: 0, max: 0 } });
    const edge = await edges(fleet.sfus[0]!);
    const address = `https://${host}:${String(edge.port)}`;
    const gateway = await startGateway({
      sfus: [{ ...fleet.entries[0], address }, fleet.entries[1]!],
      tls: { ca: ours.cert },
      resolve: (name) => (name === "sfu1.test" ? Promise.resolve(["127.0.0.1"]) : Promise.reject(new Error("nobody"))),
      failover: FAILOVER,
      breaker: { resetTimeoutMs: 100 },
      ...setup,
    });
    cleanUp(() => gateway.close());
    return { fleet, edge, address, gateway };
  };
  const reportOf = async (gateway: TestGateway, address: string): Promise<SfuReport> => {
    const report = (await (await gateway.get("/v1/health")).json()) as FleetReport;
    return report.sfus.find((sfu) => sfu.address === address)!;
  };
  /** Which SFU serves new conferences until both have had their turn, and what went wrong meanwhile. */
  const twoJoins = async (gateway: TestGateway) => {
    const began = systemClock.monotonic();
    const joined = [await gateway.join({ iss: newRoom() }), await gateway.join({ iss: newRoom() })];
    expect(systemClock.monotonic() - began).to.be.below(2 * FAILOVER.retryTimeoutMs);
    return joined.map(({ status, body }) => (status === 200 ? new URL(String(body.url)).port : String(body.error)));
  };
  const edgeOf = (options: TlsOptions) => (sfu: SimulatedSfu) => openEdge(sfu.address, options);

  it("is as good as none with a certificate of an authority in [tls] ca_file", async () => {
    const { fleet, edge, gateway } = await open({}, edgeOf(good), "127.0.0.1");
    expect(new Set(await twoJoins(gateway))).to.deep.equal(
      new Set([String(edge.port), new URL(fleet.sfus[1]!.address).port]),
    );
    expect(edge.handshakes).to.equal(1);
  });

  it("takes an authority in between that the SFU sends along", async () => {
    const leaf = makeCertificate({ by: between });
    const { edge, gateway } = await open({}, edgeOf({ ...leaf, cert: leaf.cert + between.cert }), "127.0.0.1");
    expect(await twoJoins(gateway)).to.include(String(edge.port));
  });

  it("takes a certificate that has signed itself where [tls] ca_file has it", async () => {
    const own = makeCertificate();
    const { edge, gateway } = await open({ tls: { ca: own.cert } }, edgeOf(own), "127.0.0.1");
    expect(await twoJoins(gateway)).to.include(String(edge.port));
  });

  it("asks for the certificate of the name, not of where it leads", async () => {
    const { edge, gateway } = await open({}, edgeOf(makeCertificate({ by: ours, hosts: ["sfu1.test"] })), "sfu1.test");
    expect(await twoJoins(gateway)).to.include(String(edge.port));
  });

  const chain = (leaf: Certificate, ...above: readonly Certificate[]): TlsOptions => ({
    key: leaf.key,
    cert: [leaf, ...above].map(({ cert }) => cert).join(""),
  });
  const many = Array.from({ length: 100 }, (_, index) => `sfu${String(index)}.example.com`);
  const cases: Readonly<Record<string, Case>> = {
    "has a certificate of an unknown authority": {
      shows: makeCertificate({ by: theirs }),
      says: "has a certificate by «Their authority», who is not known here: expected that authority in [tls] ca_file",
    },
    "sends the unknown authority's certificate along": {
      shows: chain(makeCertificate({ by: theirs }), theirs),
      says: "has a certificate by «Their authority», who is not known here",
    },
    "does not send the authority in between": {
      shows: makeCertificate({ by: between }),
      says: "or the certificates that lead to a known one from the SFU",
    },
    "has a certificate that has signed itself": {
      shows: makeCertificate(),
      says: "has a certificate that nobody but itself has signed, and that is not in [tls] ca_file",
    },
    "has a certificate for another name": {
      host: "sfu1.test",
      shows: makeCertificate({ by: ours, hosts: ["sfu9.example.com"] }),
      says: "has a certificate for sfu9.example.com, not for sfu1.test",
    },
    "has a certificate for a hundred other names": {
      host: "sfu1.test",
      shows: makeCertificate({ by: ours, hosts: many }),
      says: "has a certificate for sfu0.example.com, sfu1.example.com, sfu2.example.com and 97 more, not for sfu1.test",
    },
    "has a certificate for a name where its address is an IP address": {
      shows: makeCertificate({ by: ours, hosts: ["sfu1.test"] }),
      says: "has a certificate for sfu1.test, not for 127.0.0.1",
    },
    "has a certificate for another IP address": {
      shows: makeCertificate({ by: ours, hosts: ["127.0.0.2"] }),
      says: "has a certificate for 127.0.0.2, not for 127.0.0.1",
    },
    "has a certificate with a name that would deceive whoever reads the log": {
      host: "sfu1.test",
      shows: makeCertificate({ by: ours, hosts: [], subject: "a\nb, c\u001b[2J" }),
      says: "has a certificate for a?b, c?[2J, not for sfu1.test",
    },
    "has a certificate that has expired": {
      shows: makeCertificate({ by: ours, until: "2026-01-02" }),
      says: "has a certificate that expired on 2026-01-02",
    },
    "has a certificate that is not valid yet": {
      shows: makeCertificate({ by: ours, from: "2048-01-02" }),
      says: "has a certificate that is not valid before 2048-01-02",
    },
    "has a certificate whose authority's has expired": {
      shows: chain(makeCertificate({ by: late }), late),
      says: "has a certificate whose authority's own has expired",
    },
    "speaks TLS 1.1 at most": {
      shows: { ...good, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" },
      says: "speaks no TLS 1.2 or newer",
    },
    "wants a certificate": {
      shows: { ...good, requestCert: true, ca: theirs.cert },
      says: "wants a certificate of the gateway, which has none",
    },
    "wants a certificate by TLS 1.2": {
      shows: { ...good, requestCert: true, ca: theirs.cert, maxVersion: "TLSv1.2" },
      says: "broke off the TLS handshake (ssl/tls alert handshake failure)",
    },
    "has no cipher in common": {
      shows: { ...good, ciphers: "ECDHE-RSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" },
      says: "broke off the TLS handshake (ssl/tls alert handshake failure)",
    },
    "speaks plain HTTP there": {
      does: (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
      says: "speaks no TLS at that port: is its address meant to begin with http://?",
    },
    "closes the connection amid the handshake": {
      does: (socket) => socket.once("data", () => socket.end()),
      says: "broke off the TLS handshake (ECONNRESET)",
    },
    "resets the connection amid the handshake": {
      does: (socket) => socket.once("data", () => socket.resetAndDestroy()),
      says: "broke off the TLS handshake (ECONNRESET)",
    },
    "sends half a record and no more": {
      does: (socket) => socket.write(Buffer.from("16030300ff02", "hex")),
      failure: "timeout",
      says: "did not answer within",
    },
    "never says a word": {
      does: () => undefined,
      failure: "timeout",
      says: "did not answer within",
    },
    "drips the handshake": {
      does: (socket) => {
        const drip = systemClock.every(2, () => socket.destroyed || socket.write(Buffer.from([0x16])));
        socket.once("close", drip);
      },
      failure: "tls",
      says: "speaks no TLS at that port",
    },
  };
  for (const [what, { host = "127.0.0.1", shows, does, failure = "tls", says }] of Object.entries(cases)) {
    it(`goes on to the next SFU where one ${what}, says so, and comes back when that is mended`, async () => {
      const { fleet, edge, address, gateway } = await open({}, edgeOf({ ...good, ...shows }), host);
      if (does !== undefined) edge.instead(does);
      const other = new URL(fleet.sfus[1]!.address).port;
      expect(await twoJoins(gateway)).to.deep.equal([other, other]);
      expect(await gateway.metric(`attempts_total{sfu="${address}",outcome="${failure}"}`)).to.equal(1);

      gateway.reconfigure({ health: { intervalMs: 500, timeoutMs: 400, unhealthyAfter: 1 } });
      const is = async (state: string) => (await reportOf(gateway, address)).state === state;
      await eventually("the prober has seen it", () => is("down"), UNHURRIED);
      expect((await reportOf(gateway, address)).reason).to.include(says);
      expect(fleet.sfus[0]!.requests).to.deep.equal([]);

      edge.present(makeCertificate({ by: ours, hosts: ["127.0.0.1", "sfu1.test"] }));
      await eventually("it is back", () => is("healthy"), UNHURRIED);
      await fleet.break({ kind: "refuse" }, 1);
      await eventually("it serves alone", async () => (await gateway.join()).status === 200, UNHURRIED);
      expect(gateway.logs.filter(({ level }) => level === "fatal")).to.deep.equal([]);
    });
  }

  it("is not what a plain SFU speaks: its failure is one, and the next serves", async () => {
    const fleet = await openFleet(1);
    const edge = await openEdge(fleet.sfus[0]!.address, good);
    const gateway = await startGateway({
      sfus: [{ ...fleet.entries[0], address: `http://127.0.0.1:${String(edge.port)}` }, fleet.entries[0]!],
    });
    cleanUp(() => gateway.close());
    expect(await twoJoins(gateway)).to.deep.equal(Array(2).fill(new URL(fleet.sfus[0]!.address).port));
    expect(
      await gateway.metric(`attempts_total{sfu="http://127.0.0.1:${String(edge.port)}",outcome="reset"}`),
    ).to.equal(1);
  });

  describe("when the certificate changes", () => {
    const clock = useFakeClock();
    const refused = async (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
    const url = ({ port }: TlsEdge): string => `https://127.0.0.1:${String(port)}/v1/noop`;
    const signal = new AbortController().signal;
    const bad = makeCertificate({ by: ours, hosts: ["sfu9.example.com"] });

    const openWith = async (idleMs?: number) => {
      const fleet = await openFleet(1, { latencyMs: { min: 0, max: 0 } });
      const edge = await openEdge(fleet.sfus[0]!.address, good);
      const exchange = createExchange({
        transport: sendByHttp,
        clock,
        ca: ours.cert,
        ...(idleMs === undefined ? {} : { idleMs }),
      });
      cleanUp(() => exchange.close());
      return { edge, get: () => exchange.get({ url: url(edge), headers: {}, signal }), exchange };
    };

    it("looks at it for each connection, for no session is resumed", async () => {
      const { edge, get } = await openWith(0);
      for (let n = 0; n < 3; n++) expect(await get()).to.include({ status: 200 });
      edge.present(bad);
      expect(await refused(get())).to.include({ failure: "tls" });
      edge.present(good);
      expect(await get()).to.include({ status: 200 });
    });

    it("uses no connection for longer than half a minute", async () => {
      const { edge, get } = await openWith();
      await get();
      edge.present(bad);
      await clock.elapse(MAX_AGE_MS - 1);
      expect(await get()).to.include({ status: 200 });
      expect(edge).to.include({ handshakes: 1, open: 1 });
      await clock.elapse(1);
      expect(await get()).to.include({ status: 200 });
      await eventually("it is closed", () => edge.open === 0);
      expect(await refused(get())).to.include({ failure: "tls" });
    });
  });

  describe("when [tls] ca_file changes", () => {
    it("believes whom it names now, for new connections; what is under way ends as it began", async () => {
      const { fleet, edge, address, gateway } = await open({ affinity: { ttlMs: 0 } }, edgeOf(good), "127.0.0.1");
      const other = new URL(fleet.sfus[1]!.address).port;
      await fleet.break({ kind: "slow", delayMs: 300 }, 0);
      const underWay = gateway.join({ iss: "under way" });
      await eventually("it has arrived", () => fleet.joins() === 1);
      gateway.reconfigure({ tls: { ca: theirs.cert } });
      const { status, body } = await underWay;
      expect([status, new URL(String(body.url)).port]).to.deep.equal([200, String(edge.port)]);
      await eventually("its connection is closed", () => edge.open === 0);
      expect(await twoJoins(gateway)).to.deep.equal([other, other]);
      expect(await gateway.metric(`attempts_total{sfu="${address}",outcome="tls"}`)).to.be.at.least(1);

      await fleet.sfus[0]!.heal();
      gateway.reconfigure({ tls: { ca: ours.cert } });
      await fleet.break({ kind: "refuse" }, 1);
      await eventually("it serves alone", async () => (await gateway.join()).status === 200, UNHURRIED);
    });

    it("reads the external list by it, too", async () => {
      const fleet = await openFleet(1);
      const list = new SimulatedSfuList({ clock: systemClock, entries: fleet.entries });
      await list.listen();
      cleanUp(() => list.close());
      const { origin, pathname } = new URL(list.url);
      const edge = await openEdge(origin, good);
      const registry = { url: `https://127.0.0.1:${String(edge.port)}${pathname}`, intervalMs: 60_000 };
      const gateway = await startGateway({ sfus: [], registry });
      cleanUp(() => gateway.close());
      const told = (text: string) => gateway.logs.some(({ msg }) => String(msg).includes(text));
      await eventually("it is not believed", () => told("has a certificate by «Our authority», who is not known here"));
      gateway.reconfigure({ tls: { ca: ours.cert } });
      await eventually("its SFU serves", async () => (await gateway.join()).status === 200, UNHURRIED);
    });
  });
});
