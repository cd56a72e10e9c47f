import { createHmac } from "node:crypto";
import { jwtVerify } from "jose";

/**
 * What jose makes of a token that the gateway has taken: a second opinion, by another hand. It reads the url-safe alphabet
 * without padding alone, so a token in the other one is signed again in that form.
 *
 * @param key base64 text of the key that it is said to be signed with
 * @throws jose's error where it would not take it
 */
export async function asJoseHasIt(
  text: string,
  key: string,
  nowMs: number,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = Buffer.from(key, "base64");
  const dot = text.lastIndexOf(".");
  const [signed, signature] = [text.slice(0, dot), text.slice(dot + 1)];
  const mac = createHmac("sha256", bytes).update(signed).digest();
  if (!mac.equals(Buffer.from(signature, "base64"))) throw new Error("it is not signed with that key");
  const urlSafe = signed
    .split(".")
    .map((part) => Buffer.from(part, "base64").toString("base64url"))
    .join(".");
  const token = `${urlSafe}.${createHmac("sha256", bytes).update(urlSafe).digest("base64url")}`;
  const { payload } = await jwtVerify(token, bytes, {
    algorithms: ["HS256"],
    requiredClaims: ["exp"],
    currentDate: new Date(nowMs),
  });
  return payload;
}
