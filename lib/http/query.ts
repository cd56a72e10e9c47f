/** A query string, parted into what is the gateway's and what is the SFU's. */
export interface PartedQuery {
  readonly region: string | null;
  readonly country: string | null;
  /** All other parameters, in the very bytes and the order in which they came. */
  readonly forwarded: string;
}

const NONE: PartedQuery = { region: null, country: null, forwarded: "" };

/** @param query without the `?` */
export function partQuery(query: string): PartedQuery {
  if (query === "") return NONE;
  const own = new Map<string, string>();
  const forwarded = query.split("&").filter((parameter) => {
    // Behind an "&" it is a parameter wherever it starts; a leading "?" would be taken off.
    const [name, value] = [...new URLSearchParams(`&${parameter}`)][0] ?? ["", ""];
    if (name !== "region" && name !== "country") return true;
    if (value !== "" && !own.has(name)) own.set(name, value);
    return false;
  });
  return {
    region: own.get("region")?.toLowerCase() ?? null,
    country: own.get("country")?.toUpperCase() ?? null,
    forwarded: forwarded.join("&"),
  };
}
