import { sleep, systemClock } from "../../../lib/clock.ts";
import type { Window } from "./fitness.ts";
import type { ChaosGateway, Files } from "./gateway.ts";
import type { Act } from "./schedule.ts";
import type { ChaosSfu } from "./sfu.ts";

/** Whom it is done to, and what has been done. */
export interface Stage {
  readonly sfus: readonly ChaosSfu[];
  readonly gateway: ChaosGateway;
  /** When the gateway was stopped. */
  readonly stops: Window[];
  reloads: number;
  badReloads: number;
}

/** Resolves when it is done, or in force. */
export async function perform(act: Act, stage: Stage): Promise<void> {
  const { sfus, gateway } = stage;
  const sfuAt = (index: number): ChaosSfu => sfus[index]!;
  switch (act.kind) {
    case "break":
      await Promise.all(act.hits.map(({ sfu, fault }) => sfuAt(sfu).break(fault)));
      break;
    case "heal":
      await Promise.all(act.sfus.map((sfu) => sfuAt(sfu).heal()));
      break;
    case "restart":
      await gateway.restart();
      break;
    case "stop the gateway": {
      const fromMs = systemClock.monotonic();
      gateway.pause(true);
      await sleep(systemClock, act.forMs);
      gateway.pause(false);
      stage.stops.push({ fromMs, toMs: systemClock.monotonic(), why: "stopped" });
      break;
    }
    case "reload":
      await reload(act.to, stage);
  }
}

async function reload(to: Extract<Act, { kind: "reload" }>["to"], stage: Stage): Promise<void> {
  const { sfus, gateway } = stage;
  const { secrets, config } = filesOf(sfus, ++stage.reloads);
  if (to === "nonsense") {
    stage.badReloads++;
    await gateway.reload({ secrets, config: "this is no TOML\n" });
    return;
  }
  const left = typeof to === "object" ? sfus[to.without] : undefined;
  // It may be broken at the same time: that counts on its own.
  left?.fitness.begin("on no list", systemClock.monotonic());
  await gateway.reload({
    secrets: filesOf(
      sfus.filter((sfu) => sfu !== left),
      0,
    ).secrets,
    config,
  });
  if (left === undefined) return;
  await gateway.reload({ secrets, config });
  left.fitness.end(systemClock.monotonic());
}

/** What an operator might write; the numbers that decide are the defaults. */
export function filesOf(sfus: readonly ChaosSfu[], turn: number): Files {
  const strategy = turn % 2 === 0 ? "load" : "round-robin";
  return {
    secrets: sfus.map(({ address, key }) => `[[sfu]]\naddress = "${address}"\nkey = "${key}"\n`).join("\n"),
    config: `[balancing]\nstrategy = "${strategy}"\n`,
  };
}
