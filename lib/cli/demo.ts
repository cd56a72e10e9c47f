import { EXIT_OK, type Io } from "./io.ts";
export interface DemoOptions {
  readonly json?: boolean;
}
export async function demo(_options: DemoOptions, _io: Io): Promise<number> {
  return Promise.resolve(EXIT_OK);
}
