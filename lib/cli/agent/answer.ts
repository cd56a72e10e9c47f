import { z } from "zod";

/** What came of sending a heartbeat. */
export type Outcome =
  /** `null` where the gateway does not tell. */
  | { readonly kind: "accepted"; readonly ttlMs: number | null; readonly isDraining: boolean | null }
  /** An answer that is no consent. The gateway's own words are bounded and free of secrets; null where it has none. */
  | { readonly kind: "refused"; readonly status: number; readonly code: string | null; readonly message: string | null }
  /** No answer at all. `why` goes on after «it». */
  | { readonly kind: "unreachable"; readonly why: string };

// What a newer gateway may say differently is not worth a heartbeat.
const acceptedSchema = z.object({
  result: z.literal("ok"),
  ttlMs: z.number().positive().nullable().catch(null),
  draining: z.boolean().nullable().catch(null),
});

const refusedSchema = z.object({
  error: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/)
    .nullable()
    .catch(null),
  message: z.string().nullable().catch(null),
});

const MAX_MESSAGE_LENGTH = 200;

/**
 * Reads an answer to a heartbeat. Anything may answer at a URL that was mistyped, so only a gateway's own «ok» is one.
 *
 * @param secrets what was sent and must not come back in the outcome
 */
export function readAnswer(status: number, body: Uint8Array, secrets: readonly string[]): Outcome {
  const json = parseJson(body);
  if (status >= 200 && status < 300) {
    const accepted = acceptedSchema.safeParse(json);
    if (!accepted.success) return { kind: "refused", status, code: null, message: null };
    return { kind: "accepted", ttlMs: accepted.data.ttlMs, isDraining: accepted.data.draining };
  }
  const { error: code = null, message = null } = refusedSchema.safeParse(json).data ?? {};
  return {
    kind: "refused",
    status,
    code: code === null || secrets.some((secret) => code.includes(secret)) ? null : code,
    message: message === null ? null : withoutSecrets(message, secrets).slice(0, MAX_MESSAGE_LENGTH),
  };
}

/** What echoes its request has the key and the token in its words, as they were sent or with one escape or another. */
function withoutSecrets(message: string, secrets: readonly string[]): string {
  const plain = secrets.reduce((text, secret) => text.replaceAll(secret, "(not shown)"), message);
  return plain.replace(/[A-Za-z0-9+/=_\\%&#;-]{20,}/g, "(not shown)");
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}
