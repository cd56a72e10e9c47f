import { expect } from "chai";
import { comesTrue, eventually } from "../support/eventually.ts";
import { needsTools } from "../support/tools.ts";
import { OTHER_KEY } from "../support/tokens.ts";
import { alerts, dashboard, metricsIn, type Variable } from "./files.ts";
import { type ActiveAlert, FOR_PROMETHEUS, type Prometheus, startPrometheus } from "./prometheus.ts";
import { type Restartable, startTroubledFleet, type TroubledFleet } from "./troubled-fleet.ts";

/** What happens, in this order, and the alerts whose expressions hold then. How long they have to is for promtool. */
const SCENES = {
  "all is well": [],
  "the only SFU of the second gateway hangs, and dies": [
    "SfuGatewayCallsFailing",
    "SfuGatewaySomeCallsFailed",
    "SfuGatewayBudgetNearlySpent",
    "SfuGatewayInstanceWithoutSfus",
  ],
  "each SFU of the first gateway has a trouble of its own": [
    "SfuGatewayFailoversHigh",
    "SfuGatewayTokensRefused",
    "SfuGatewaySfuDown",
    "SfuGatewaySfuExpired",
    "SfuGatewaySfuMisconfigured",
    "SfuGatewayBreakerOpen",
    "SfuGatewayBreakerFlapping",
    "SfuGatewayLoadImbalance",
    "SfuGatewayLoadUnknown",
    "SfuGatewayReloadFailed",
  ],
  "the second gateway may have one request in hand, and its SFU is slow": ["SfuGatewayTooBusy"],
  "somebody calls the second gateway more often than one may": ["SfuGatewayRequestsLimited"],
  "the host has no processor for the second gateway": ["SfuGatewayLoopLate"],
  "everybody is in a call": ["SfuGatewayFleetNearlyFull"],
  "no SFU answers": ["SfuGatewayFleetDown"],
  "every SFU is drained": ["SfuGatewayFleetDrained"],
  "the second gateway is restarted three times": ["SfuGatewayRestarts"],
  "each gateway has a store of its own": ["SfuGatewayInstancesApart"],
  "their Redis is gone": ["SfuGatewayStoreAway"],
  "it comes back, and is gone again": ["SfuGatewayStoreUnsteady"],
  "the second gateway is gone": ["SfuGatewayInstanceDown"],
  "both are gone": ["SfuGatewayDown"],
} as const satisfies Record<string, readonly string[]>;

type Scene = keyof typeof SCENES;

type Play = (scene: Scene, goOn?: () => Promise<void>) => Promise<void>;
type Times = (count: number, act: () => Promise<unknown>) => Promise<void>;

describe("monitoring: a real Prometheus on real gateways", function () {
  needsTools("prometheus", "redis-server");
  this.timeout(120_000);
  let prometheus: Prometheus;
  let fleet: TroubledFleet;
  const opened: { close(): Promise<void> }[] = [];
  /** The alerts that were active in a scene, as they looked there. */
  const seen = new Map<Scene, readonly ActiveAlert[]>();

  const namesOf = (active: readonly ActiveAlert[]): Set<string> =>
    new Set(active.map(({ labels }) => labels.alertname ?? ""));

  /** Goes on with what happens in a scene until Prometheus has seen what it is for; the specs say what it has not. */
  const play: Play = async (scene, goOn = () => Promise.resolve()) => {
    await comesTrue(async () => {
      await goOn();
      const active = await prometheus.alerts();
      seen.set(scene, active);
      const expected: readonly string[] = SCENES[scene];
      // On a busy machine an event loop may be late at the first look.
      return expected.length === 0 ? active.length === 0 : expected.every((name) => namesOf(active).has(name));
    }, FOR_PROMETHEUS);
  };
  const times: Times = async (count, act) => {
    await Promise.all(Array.from({ length: count }, act));
  };
  /** Waits until it is so in the eyes of Prometheus. */
  const sees = (expression: string): Promise<void> => {
    const isSeen = async (): Promise<boolean> => (await prometheus.query(expression)).length > 0;
    return eventually(`Prometheus sees ${expression}`, isSeen, FOR_PROMETHEUS);
  };

  before(async () => {
    fleet = await startTroubledFleet();
    opened.push(fleet);
    const { sfus, gateways, call } = fleet;
    const { first, second } = gateways;
    prometheus = await startPrometheus([first.target, second.target]);
    opened.push(prometheus);

    await sees("sum(up) == 2 and count(sfu_gateway_sfu_sessions) == 7");
    // One after the other: all is well on a busy machine, too.
    for (let count = 1; count <= 10; count++) {
      await call(first, "good");
      await call(second, "other");
    }
    await sees('sum(increase(sfu_gateway_channel_requests_total{outcome="ok"}[1m])) >= 20');
    await play("all is well");

    await sfus.other.break({ kind: "worker_hang" });
    await times(12, () => call(second, "other"));
    await sfus.other.break({ kind: "refuse" });
    await play("the only SFU of the second gateway hangs, and dies");

    await troubleEach(fleet, times);
    await play("each SFU of the first gateway has a trouble of its own", async () => {
      await Promise.all(["hung", "odd", "locked", "pair"].map((region) => call(first, region)));
    });

    // Not before: what is turned away counts as calls, of which a tenth has to be refused for its token.
    await limitEach(fleet, play, times);

    for (const sfu of [sfus.good, sfus.hung, sfus.busy, sfus.idle, sfus.odd, sfus.locked]) sfu.setLoad(950);
    await play("everybody is in a call");
    await fleet.drain(sfus.idle);
    await sees("sfu_gateway_sfu_sessions and on (instance, sfu) sfu_gateway_sfu_draining == 1");

    await Promise.all(Object.values(sfus).map((sfu) => sfu.break({ kind: "refuse" })));
    await play("no SFU answers");

    await play("every SFU is drained", () => fleet.drain());

    await fleet.store();
    await restart(first);
    const starts = "changes(process_start_time_seconds[5m])";
    for (let count = 1; count <= 3; count++) {
      // It is told in whole seconds: two starts in one would look like the same.
      await sees(`time() - process_start_time_seconds{instance="${second.target}"} >= 1`);
      await restart(second);
      await sees(`${starts} == ${String(count)}`);
    }
    await play("the second gateway is restarted three times");

    await play("each gateway has a store of its own");
    await fleet.redis.stop();
    await play("their Redis is gone");
    await fleet.redis.start();
    await sees("min(sfu_gateway_store_up) == 1");
    await fleet.redis.stop();
    await play("it comes back, and is gone again");

    await second.stop();
    await play("the second gateway is gone");
    await first.stop();
    await play("both are gone");
  });
  after(async () => {
    // As many as could be started.
    await Promise.all(opened.map((part) => part.close()));
  });

  it("understands every rule", async () => {
    expect(await prometheus.faults()).to.deep.equal([]);
  });

  it("sees nothing to alert to while all is well", () => {
    expect(seen.get("all is well")).to.deep.equal([]);
  });

  it("has a scene for every alert", () => {
    expect(Object.values(SCENES).flat()).to.have.members(alerts().map(({ alert }) => alert));
  });

  for (const [scene, names] of Object.entries(SCENES)) {
    for (const name of names) {
      it(`sees ${name} when ${scene}`, () => {
        expect([...namesOf(seen.get(scene as Scene) ?? [])]).to.include(name);
      });
    }
  }

  it("tells it in whole sentences", () => {
    for (const { annotations } of [...seen.values()].flat()) {
      for (const text of Object.values(annotations)) {
        // A label that is not there leaves a gap.
        expect(text).not.to.match(/\{\{|<no value>|error|NaN|%!|\s\s|\s[.,;:]|\s$/);
      }
    }
  });

  describe("the dashboard", () => {
    const { panels, templating, annotations } = dashboard();
    const filled = async (expression: string): Promise<boolean> =>
      (await prometheus.queryAll(substituted(expression))).some(({ values }) => values.some(Number.isFinite));

    for (const { title, targets = [] } of panels) {
      for (const { refId, expr } of targets) {
        it(`has something to show in «${title}», ${refId}`, async () => {
          expect(await filled(expr), expr).to.be.true;
        });
      }
    }

    for (const { name, expr } of annotations.list) {
      it(`marks «${name}»`, async () => {
        expect(await filled(expr), expr).to.be.true;
      });
    }

    for (const variable of templating.list.filter(({ type }) => type === "query")) {
      it(`offers something for $${variable.name}`, async () => {
        const { selector, label } = labelValuesOf(variable);
        expect(await prometheus.labelValues(substituted(selector), label)).not.to.be.empty;
      });
    }

    it("shows every metric of the gateway's own, or a panel's place for it is not needed", async () => {
      const names = await prometheus.labelValues('{__name__=~"sfu_gateway_.+"}', "__name__");
      const shown = new Set(panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr))));
      const missing = names.filter((name) => !shown.has(name) && !/_(sum|count)$/.test(name));
      expect(missing).to.deep.equal([]);
    });
  });
});

/** A trouble for each, and calls that meet it. */
async function troubleEach(
  { sfus, gateways: { first }, call, reload, beatOnce }: TroubledFleet,
  times: Times,
): Promise<void> {
  await sfus.dead.break({ kind: "refuse" });
  await sfus.hung.break({ kind: "worker_hang" });
  await sfus.locked.break({ kind: "unauthorized" });
  // Nothing that says whose fault it is, or whether the key fits; and probes are answered.
  await sfus.odd.break({ kind: "status", status: 404 });
  sfus.busy.setLoad(900);
  await reload("larger");
  await times(3, () => call(first, "odd"));
  await times(15, () => call(first, "pair"));
  await times(20, () => call(first, "good", OTHER_KEY));
  await beatOnce();
  await reload("broken");
}

/** The second gateway turns callers away, though its SFU lives, and is late itself. */
async function limitEach(
  { sfus: { other }, gateways: { second }, call, limit }: TroubledFleet,
  play: Play,
  times: Times,
): Promise<void> {
  // Slow, but in time for its probes and calls: it stays in the fleet.
  await other.break({ kind: "slow", delayMs: 300 });
  await limit("[limits]\nmax_requests = 1");
  await play("the second gateway may have one request in hand, and its SFU is slow", () =>
    times(5, () => call(second, "other")),
  );
  await other.heal();
  await limit("[rate_limit]\nrequests = 5");
  await play("somebody calls the second gateway more often than one may", () => times(20, () => call(second, "other")));
  await limit("");
  await play("the host has no processor for the second gateway", () => second.starve());
  await other.break({ kind: "refuse" });
}

async function restart(gateway: Restartable): Promise<void> {
  await gateway.stop();
  await gateway.start();
}

/** What Grafana makes of an expression, with everything selected. */
function substituted(expression: string): string {
  return expression
    .replaceAll("$__rate_interval", "10s")
    .replaceAll("$__interval", "10s")
    .replaceAll("$__range", "2m")
    .replaceAll("$job", "sfu-gateway")
    .replaceAll(/\$(instance|region|sfu)\b/g, ".*");
}

function labelValuesOf({ query }: Variable): { readonly selector: string; readonly label: string } {
  const text = typeof query === "string" ? query : query.query;
  const [, selector = "", label = ""] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? [];
  return { selector, label };
}
