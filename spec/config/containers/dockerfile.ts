import { DockerfileParser } from "dockerfile-ast";
import { textOf } from "./files.ts";

export type Step =
  | {
      readonly kind: "copy";
      readonly from: string | null;
      readonly sources: readonly string[];
      readonly target: string;
    }
  | { readonly kind: "run"; readonly command: string; readonly caches: readonly string[] }
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "env"; readonly variables: readonly (readonly [name: string, value: string])[] };

/** How a container of a stage is started. */
export interface Settings {
  readonly user: string;
  readonly port: number | null;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

export interface Stage extends Settings {
  readonly name: string;
  readonly image: string;
  readonly steps: readonly Step[];
}

/** The stages of config/docker/Dockerfile. What this cannot read, it does not pass over: it throws. */
export function readDockerfile(text = textOf("config/docker/Dockerfile")): readonly Stage[] {
  const stages: { -readonly [Key in keyof Stage]: Stage[Key] }[] = [];
  const defaults = new Map<string, string>();
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    const content = instruction.getArgumentsContent() ?? "";
    const flags = flagsOf(instruction);
    if (keyword === "ARG") {
      const [name = "", value = ""] = content.split(/=(.*)/s);
      defaults.set(name, value);
      continue;
    }
    if (keyword === "FROM") {
      const [image = "", , name = ""] = content.split(/\s+/);
      const nothing = { user: "0:0", port: null, entrypoint: [], command: [], healthcheck: [] };
      stages.push({ name, image: expand(image, defaults), steps: [], ...nothing });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${keyword} before the first FROM`);
    const step = stepOf(keyword, content, flags);
    if (step !== null) stage.steps = [...stage.steps, step];
    else if (keyword === "USER") stage.user = content;
    else if (keyword === "EXPOSE") stage.port = Number(content);
    else if (keyword === "ENTRYPOINT") stage.entrypoint = execForm(content);
    else if (keyword === "CMD") stage.command = execForm(content);
    else if (keyword === "HEALTHCHECK") stage.healthcheck = execForm(content.replace(/^CMD\s+/, ""));
    else if (keyword !== "LABEL") throw new Error(`nobody has taught the specs what ${keyword} is`);
  }
  return stages;
}

/** Puts `$NAME` and `${NAME}` in; one that is not there is nothing, as in a Dockerfile. */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{(\w+)\}|\$(\w+)/g, (_, braced?: string, bare?: string) => {
    return variables.get(braced ?? bare ?? "") ?? "";
  });
}

interface Flag {
  readonly name: string;
  readonly value: string;
}

function stepOf(keyword: string, content: string, flags: readonly Flag[]): Step | null {
  switch (keyword) {
    case "WORKDIR":
      return { kind: "workdir", path: content };
    case "ENV":
      return { kind: "env", variables: content.split(/\s+/).map((item) => pairOf(item)) };
    case "RUN":
      return { kind: "run", command: content, caches: flags.map(cacheOf) };
    case "COPY": {
      const strange = flags.find(({ name }) => name !== "from");
      if (strange !== undefined) throw new Error(`nobody has taught the specs what COPY --${strange.name} is`);
      const words = content.split(/\s+/);
      return { kind: "copy", from: flags[0]?.value ?? null, sources: words.slice(0, -1), target: words.at(-1) ?? "" };
    }
    default:
      return null;
  }
}

function pairOf(item: string): readonly [string, string] {
  const [name = "", value = ""] = item.split(/=(.*)/s);
  return [name, value];
}

function cacheOf({ name, value }: Flag): string {
  const [, target] = /^type=cache,target=([^,]+)$/.exec(value) ?? [];
  if (name !== "mount" || target === undefined) throw new Error(`nobody has taught the specs what RUN --${name} is`);
  return target;
}

/** A signal reaches the program itself in this form alone; in the other one it reaches a shell. */
function execForm(content: string): readonly string[] {
  if (!content.startsWith("[")) throw new Error(`expected a list like ["a", "b"]: ${content}`);
  return JSON.parse(content) as string[];
}

function flagsOf(instruction: object): readonly Flag[] {
  if (!("getFlags" in instruction) || typeof instruction.getFlags !== "function") return [];
  const flags = (instruction.getFlags as () => { getName(): string; getValue(): string | null }[]).call(instruction);
  return flags.map((flag) => ({ name: flag.getName(), value: flag.getValue() ?? "" }));
}
