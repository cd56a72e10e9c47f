import { systemClock } from "../../lib/clock.ts";
import { SimulatedSfu } from "../../lib/simulator/sfu.ts";
import { seeded } from "../../spec/support/random.ts";

/* The process of the SFUs: tells their addresses, and ends with its parent. */
const SFUS = 3;

const key = process.env.SFU_KEY ?? "";
const sfus = Array.from(
  { length: SFUS },
  (_, index) => new SimulatedSfu({ key, clock: systemClock, random: seeded(index), maxRequests: 10 }),
);
await Promise.all(sfus.map((sfu) => sfu.listen()));
process.send?.(sfus.map(({ address }) => address));
process.once("disconnect", () => process.exit());
