import { createSandboxChecks } from "./leaks.ts";

/** Root hooks: every spec leaves the process as it found it. */
export const mochaHooks = createSandboxChecks();
