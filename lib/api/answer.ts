import { z } from "zod";

/** The type of an answer, from its schema: the code and config/openapi.yaml cannot tell two stories. */
export type Answer<Schema extends z.ZodType> = Frozen<z.output<Schema>>;

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

/** The words of a union, each with what it says. The compiler sees to it that none is left out. */
export function words<Word extends string>(
  meanings: Readonly<Record<Word, string>>,
  what = "",
): z.ZodEnum<{ [Key in Word]: Key }> {
  const all = Object.keys(meanings) as Word[];
  const lines = all.map((word) => `- \`${word}\`: ${meanings[word]}`);
  return z.enum(all).meta({ description: [...(what === "" ? [] : [what, ""]), ...lines].join("\n") });
}

export const count = z.int().min(0);

/** A share of the whole, from 0 to 1. */
export const share = z.number().min(0).max(1);

export const sfuAddress = z.string().meta({
  description: "An SFU's URL as the gateway reaches it, without a slash at its end: its identity.",
  examples: ["http://10.0.0.5:8070"],
});

export const regionName = z.string().meta({
  description: "A region's name, lower case.",
  examples: ["eu-west-3"],
});
