import { styleText } from "node:util";

export type Color = Parameters<typeof styleText>[0];

/** Colours a text, or leaves it as it is. What a colour says, the words say too. */
export type Paint = (style: Color, text: string) => string;

export function painter(color: boolean): Paint {
  return (style, text) => (color ? styleText(style, text, { validateStream: false }) : text);
}
