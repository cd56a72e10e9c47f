import { ALL_FAULTS, FAULTS, SLUGGISH, type ProcessFault } from "./faults.ts";
import { flapping, outages, repeated, type Schedule, storm, together } from "./schedule.ts";

export interface Scenario {
  readonly name: string;
  readonly sfus: number;
  /** Every single call has to get a channel: there is always an SFU that can serve it. */
  readonly servesAll: boolean;
  readonly schedule: Schedule;
}

type Family = keyof typeof FAULTS;

const FAMILIES = Object.keys(FAULTS) as readonly Family[];

const FROM_ALL: readonly ProcessFault[] = [...ALL_FAULTS, SLUGGISH];

const of = (sfus: number, victims: number, family: Family): Schedule =>
  outages({ sfus, victims, faults: FAULTS[family] });

const outagesOf = (words: string, victims: number): readonly Scenario[] =>
  FAMILIES.map((family) => ({
    name: `${words} ${family}`,
    sfus: 3,
    servesAll: victims < 3,
    schedule: of(3, victims, family),
  }));

/** What is tried, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "calm", sfus: 3, servesAll: true, schedule: () => [] },
  ...outagesOf("one of three", 1),
  ...outagesOf("two of three", 2),
  ...outagesOf("all of three", 3),
  { name: "one flaps", sfus: 3, servesAll: true, schedule: flapping([0], ALL_FAULTS) },
  { name: "two flap", sfus: 3, servesAll: true, schedule: flapping([0, 1], ALL_FAULTS) },
  {
    name: "two of six",
    sfus: 6,
    servesAll: true,
    schedule: outages({ sfus: 6, victims: 2, faults: ALL_FAULTS }),
  },
  {
    name: "five of six",
    sfus: 6,
    servesAll: false,
    schedule: outages({ sfus: 6, victims: 5, faults: ALL_FAULTS }),
  },
  {
    name: "all of six",
    sfus: 6,
    servesAll: false,
    schedule: outages({ sfus: 6, victims: 6, faults: ALL_FAULTS }),
  },
  {
    name: "reloads while one is out",
    sfus: 3,
    servesAll: true,
    schedule: together(
      outages({ sfus: 1, victims: 1, faults: ALL_FAULTS }),
      repeated(
        [
          { kind: "reload", to: "other settings" },
          { kind: "reload", to: "nonsense" },
          { kind: "reload", to: "other settings" },
          { kind: "reload", to: { without: 1 } },
        ],
        900,
      ),
    ),
  },
  {
    name: "restarts while one is out",
    sfus: 3,
    servesAll: true,
    schedule: together(outages({ sfus: 3, victims: 1, faults: ALL_FAULTS }), repeated([{ kind: "restart" }], 6000)),
  },
  {
    name: "the gateway is stopped for a second",
    sfus: 3,
    servesAll: true,
    schedule: together(
      outages({ sfus: 3, victims: 1, faults: FAULTS.dead }),
      repeated([{ kind: "stop the gateway", forMs: 1000 }], 3000),
    ),
  },
  { name: "anything, to one, two or all", sfus: 3, servesAll: false, schedule: storm(3, FROM_ALL) },
];
