import { undoAll } from "./cleanup.ts";
import { createSecrecyChecks } from "./leaked-secrets.ts";
import { createSandboxChecks } from "./leaks.ts";
import { skippedSuites } from "./tools.ts";

const sandbox = createSandboxChecks();
const secrecy = createSecrecyChecks();

/** Root hooks: every spec leaves the process as it found it, no secret gets out, and what was left out is said. */
export const mochaHooks = {
  beforeAll: secrecy.beforeAll,
  beforeEach: sandbox.beforeEach,
  afterEach: [sandbox.afterEach, secrecy.afterEach],
  async afterAll(): Promise<void> {
    secrecy.afterAll();
    process.stderr.write(skippedSuites());
    await undoAll();
  },
};
