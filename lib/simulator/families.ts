import type { FamilyRules, SfuFamily } from "./family.ts";
import { oSfu } from "./family-o-sfu.ts";
import { odooSfu } from "./family-odoo-sfu.ts";

export const families = { "odoo-sfu": odooSfu, "o-sfu": oSfu } satisfies Record<SfuFamily, FamilyRules>;
