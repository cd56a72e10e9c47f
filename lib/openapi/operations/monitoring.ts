import { examples } from "../examples.ts";
import type { Json } from "../json.ts";
import { get, type Operation } from "../operation.ts";
import { answer, answerOf } from "../responses.ts";
import { schemaRef } from "../schemas.ts";

export const monitoringOperations: readonly Operation[] = [
  get(
    "/v1/health",
    { tag: "Monitoring", id: "health", summary: "The fleet" },
    {
      responses: {
        "200": answer("At least one SFU takes new conferences.", schemaRef("Fleet"), { fleet: examples.fleet }),
        "503": answer("None does.", schemaRef("Fleet"), { fleet: examples.deadFleet }),
      },
    },
  ),
  get(
    "/dashboard",
    { tag: "Monitoring", id: "dashboard", summary: "The fleet for people" },
    {
      description: "One page with all that it needs in it. It asks for `/dashboard/data` every two seconds.",
      responses: { "200": answerOf("The page.", { "text/html": { schema: { type: "string" } } }) },
    },
  ),
  get(
    "/dashboard/data",
    { tag: "Monitoring", id: "dashboardData", summary: "What the dashboard shows" },
    {
      description: "For the page, and as the page needs it: go by `/v1/health` in a script.",
      responses: {
        "200": answer("The fleet, and the last calls that an SFU failed.", schemaRef("Dashboard"), {
          dashboard: examples.dashboard,
        }),
      },
    },
  ),
  get("/healthz", { tag: "Monitoring", id: "liveness", summary: "Whether the process answers" }, alive()),
  get("/noop", { tag: "Monitoring", id: "noopOfTheProcess", summary: "The same, by another name" }, alive()),
  get(
    "/readyz",
    { tag: "Monitoring", id: "readiness", summary: "Whether a load balancer should send calls here" },
    {
      responses: {
        "200": answer("Calls can be served.", schemaRef("Readiness"), {
          ready: { status: "ready" },
          alone: { status: "degraded" },
        }),
        "503": answer("They cannot.", schemaRef("Readiness"), {
          draining: { status: "draining" },
          empty: { status: "no_sfu_available" },
        }),
      },
    },
  ),
  get(
    "/metrics",
    { tag: "Monitoring", id: "metrics", summary: "Metrics for Prometheus" },
    {
      responses: {
        "200": answerOf("In Prometheus's text format.", {
          "text/plain": { schema: { type: "string" }, example: examples.metrics },
        }),
      },
    },
  ),
];

function alive(): Json {
  return { responses: { "200": answer("It does.", schemaRef("Alive"), { alive: { status: "ok" } }) } };
}
