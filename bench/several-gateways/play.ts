import pLimit from "p-limit";
import { sleep, systemClock } from "../../lib/clock.ts";
import { type Answer, ask } from "../../spec/chaos/processes/calls.ts";
import { type ChaosGateway, createGateway } from "../../spec/chaos/processes/gateway.ts";
import { portForGood } from "../../spec/chaos/processes/port.ts";
import { type ChaosSfu, type MadeChannel, startSfu } from "../../spec/chaos/processes/sfu.ts";
import { type RedisServer, startRedis } from "../../spec/support/redis-server.ts";
import { claimsOf, token } from "../../spec/support/tokens.ts";

/** What happens half-way. */
export const DISASTERS = ["none", "Redis killed", "Redis hung", "Redis emptied", "a gateway killed"] as const;
export type Disaster = (typeof DISASTERS)[number];

export interface Plan {
  readonly gateways: number;
  readonly conferences: number;
  /** Of each, who join at the same moment. */
  readonly members: number;
  /** How many conferences begin at a time. */
  readonly atOnce: number;
}

export interface Told {
  readonly conference: number;
  readonly answer: Answer;
  readonly tookMs: number;
  /** Whether it was on its way at a gateway that was killed. */
  readonly isLost: boolean;
}

export interface Result {
  readonly plan: Plan;
  readonly disaster: Disaster;
  readonly answers: readonly Told[];
  /** The conferences whose members were given more than one channel. */
  readonly split: readonly number[];
  /** Channels that the SFUs have made. */
  readonly made: number;
  /** The first conference that began after the disaster. */
  readonly disasterAt: number;
  /** When nobody had the store back yet, or all: seconds from the disaster's end until every gateway says `ready`. */
  readonly healedS: number | null;
}

const SFUS = 3;

/** @throws where a process does not do what it is told */
export async function play(plan: Plan, disaster: Disaster): Promise<Result> {
  const made = new Map<string, MadeChannel>();
  const redis = await startRedis(['save ""', "appendonly no"]);
  const sfus: ChaosSfu[] = [];
  const gateways: ChaosGateway[] = [];
  try {
    for (let number = 1; number <= SFUS; number++) sfus.push(await startSfu(number, made));
    for (let count = 0; count < plan.gateways; count++) {
      const gateway = createGateway(await portForGood(), filesOf(sfus, redis));
      gateways.push(gateway);
      await gateway.start();
    }
    await eachSays("ready", gateways);
    return await run(plan, disaster, { redis, gateways, made });
  } finally {
    redis.goOn();
    await Promise.all([...gateways, ...sfus].map((each) => each.close()));
    await redis.end();
  }
}

interface Stage {
  readonly redis: RedisServer;
  readonly gateways: readonly ChaosGateway[];
  readonly made: ReadonlyMap<string, MadeChannel>;
}

async function run(plan: Plan, disaster: Disaster, stage: Stage): Promise<Result> {
  const { redis, gateways, made } = stage;
  const answers: Told[] = [];
  const limit = pLimit(plan.atOnce);
  const alive = [...gateways];
  let killed: ChaosGateway | null = null;
  let disasterAt = plan.conferences;

  const happen = async (): Promise<void> => {
    if (disaster === "Redis killed") await redis.stop();
    if (disaster === "Redis hung") redis.hang();
    if (disaster === "Redis emptied") await redis.ask("FLUSHALL");
    if (disaster === "a gateway killed") {
      killed = alive.pop() ?? null;
      await killed?.close();
    }
  };

  const member = async (conference: number, number: number): Promise<void> => {
    const gateway = alive[number % alive.length];
    if (gateway === undefined) throw new Error("no gateway is left");
    const iss = `https://odoo.example.com:channel:${String(conference)}`;
    const beganMs = systemClock.monotonic();
    const answer = await ask(gateway.port, `${String(conference)}-${String(number)}`, token({ claims: claimsOf(iss) }));
    const isLost = gateway === killed && answer.kind === "nothing";
    answers.push({ conference, answer, tookMs: systemClock.monotonic() - beganMs, isLost });
  };

  const half = Math.floor(plan.conferences / 2);
  await Promise.all(
    Array.from({ length: plan.conferences }, (_, conference) =>
      limit(async () => {
        // In the middle of calls: nobody waits for it.
        if (conference === half) {
          disasterAt = conference;
          void happen();
        }
        await Promise.all(Array.from({ length: plan.members }, (__, number) => member(conference, number)));
      }),
    ),
  );

  let healedS: number | null = null;
  if (disaster.startsWith("Redis")) {
    const sinceMs = systemClock.monotonic();
    if (disaster === "Redis killed") await redis.start();
    redis.goOn();
    await eachSays("ready", gateways);
    healedS = (systemClock.monotonic() - sinceMs) / 1000;
  }
  return { plan, disaster, answers, split: splitIn(answers), made: made.size, disasterAt, healedS };
}

function splitIn(answers: readonly Told[]): readonly number[] {
  const uuids = new Map<number, Set<string>>();
  for (const { conference, answer } of answers) {
    if (answer.kind !== "channel") continue;
    const known = uuids.get(conference) ?? new Set();
    uuids.set(conference, known.add(answer.uuid));
  }
  return Array.from(uuids).flatMap(([conference, { size }]) => (size > 1 ? [conference] : []));
}

async function eachSays(status: string, gateways: readonly ChaosGateway[]): Promise<void> {
  const untilMs = systemClock.monotonic() + 30_000;
  for (const { port } of gateways) {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${String(port)}/readyz`);
      if (((await response.json()) as { readonly status: string }).status === status) break;
      if (systemClock.monotonic() > untilMs) throw new Error(`a gateway is not ${status} after 30 s`);
      await sleep(systemClock, 20);
    }
  }
}

function filesOf(
  sfus: readonly ChaosSfu[],
  { port }: RedisServer,
): { readonly secrets: string; readonly config: string } {
  const secrets = sfus.map(({ address, key }) => `[[sfu]]\naddress = "${address}"\nkey = "${key}"\n`).join("\n");
  const config = `[store]\nurl = "redis://127.0.0.1:${String(port)}"\n`;
  return { secrets, config };
}
