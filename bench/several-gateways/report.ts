import type { Result } from "./play.ts";

/** What came of it, for people. */
export function rowsOf({ plan, disaster, answers, split, made, disasterAt, healedS }: Result): readonly string[] {
  const served = answers.filter(({ answer }) => answer.kind === "channel");
  const lost = answers.filter(({ isLost }) => isLost).length;
  const times = answers.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0).toFixed(0);
  const before = split.filter((conference) => conference < disasterAt).length;
  const others = new Map<string, number>();
  for (const { answer } of answers) {
    const what = answer.kind === "refusal" ? answer.code : answer.kind === "nothing" ? answer.error : answer.kind;
    if (answer.kind !== "channel") others.set(what, (others.get(what) ?? 0) + 1);
  }
  const size = `${String(plan.conferences)} conferences of ${String(plan.members)} over ${String(plan.gateways)} gateways`;
  return [
    `${disaster}: ${size}`,
    `  ${String(answers.length)} calls, ${String(served.length)} channels handed out, ${String(lost)} lost with their gateway`,
    `  p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
    `  ${String(split.length)} conferences split (${String(before)} before, ${String(split.length - before)} after), ${String(made)} channels made by the SFUs`,
    ...(others.size === 0 ? [] : [`  ${Array.from(others, ([what, count]) => `${String(count)} ${what}`).join(", ")}`]),
    ...(healedS === null ? [] : [`  all gateways share again ${healedS.toFixed(1)} s after it is back`]),
  ];
}
