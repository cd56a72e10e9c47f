import { parseArgs } from "node:util";
import { type Disaster, DISASTERS, play, type Result } from "./several-gateways/play.ts";
import { rowsOf } from "./several-gateways/report.ts";

/*
 * Do several gateways on one Redis act as one? Conferences whose members all join at the same moment, spread over the
 * gateways, each member over a connection of its own as Odoo does it; half-way something happens to Redis, or to a gateway.
 * Every gateway, SFU and Redis is a process of its own. Told: whether every call was answered inside its budget, and how many
 * conferences were split, which means that their members were given more than one channel. Exits with 1 where a conference is
 * split while Redis is well, where one in a hundred is otherwise, and where an answer is not 200 or too late.
 *
 *   npm run bench:several-gateways                       (1,000 conferences of 20, four gateways; some five minutes)
 *   npm run bench:several-gateways -- --conferences 100  (half a minute)
 */
const { values } = parseArgs({
  options: {
    gateways: { type: "string", default: "4" },
    conferences: { type: "string", default: "1000" },
    members: { type: "string", default: "20" },
    "at-once": { type: "string", default: "2" },
    only: { type: "string" },
  },
});
const plan = {
  gateways: Number(values.gateways),
  conferences: Number(values.conferences),
  members: Number(values.members),
  atOnce: Number(values["at-once"]),
};
const MOST_SPLIT = 0.01;
/** `retry_timeout_ms` by default. */
const BUDGET_MS = 2500;

const results: Result[] = [];
for (const disaster of DISASTERS.filter((name) => values.only === undefined || values.only === name)) {
  const result = await play(plan, disaster);
  results.push(result);
  process.stdout.write(`${rowsOf(result).join("\n")}\n\n`);
}

const troublesOf = ({ disaster, answers, split, made }: Result): string[] => {
  const troubles: string[] = [];
  const allowed: Readonly<Record<Disaster, number>> = {
    none: 0,
    "Redis killed": MOST_SPLIT,
    "Redis hung": MOST_SPLIT,
    "Redis emptied": MOST_SPLIT,
    "a gateway killed": 0,
  };
  if (split.length > allowed[disaster] * plan.conferences) troubles.push(`${String(split.length)} conferences split`);
  const refused = answers.filter(({ isLost, answer }) => !isLost && answer.kind !== "channel").length;
  if (refused > 0) troubles.push(`${String(refused)} calls without a channel`);
  const late = answers.filter(({ tookMs }) => tookMs > BUDGET_MS).length;
  if (late > 0) troubles.push(`${String(late)} answers after the budget's ${String(BUDGET_MS)} ms`);
  if (disaster === "none" && made !== plan.conferences) troubles.push(`the SFUs made ${String(made)} channels`);
  return troubles.map((trouble) => `${disaster}: ${trouble}`);
};
const troubles = results.flatMap(troublesOf);
for (const trouble of troubles) process.stdout.write(`${trouble}\n`);
process.exitCode = troubles.length === 0 ? 0 : 1;
