import { undoAll } from "./cleanup.ts";
import { createSandboxChecks } from "./leaks.ts";
import { skippedSuites } from "./tools.ts";

/** Root hooks: every spec leaves the process as it found it, and what was left out is said. */
export const mochaHooks = {
  ...createSandboxChecks(),
  async afterAll(): Promise<void> {
    process.stderr.write(skippedSuites());
    await undoAll();
  },
};
