import type { Operation } from "./operation.ts";
import { monitoringOperations } from "./operations/monitoring.ts";
import { odooOperations } from "./operations/odoo.ts";
import { operatorOperations } from "./operations/operators.ts";
import { sfuOperations } from "./operations/sfus.ts";

/** Every route of the gateway, in the order in which somebody reads about them. */
export const operations: readonly Operation[] = [
  ...odooOperations,
  ...sfuOperations,
  ...operatorOperations,
  ...monitoringOperations,
];
