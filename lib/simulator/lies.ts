/** What is said in place of the proper body, as 200. */
export interface Lie {
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Channel {
  readonly uuid: string;
  readonly url: string;
}

const megabyte = "x".repeat(1024 * 1024);
/** Would be a line of its own in a log that is made by hand, or clear the terminal of whoever reads it. */
const forgedLine = '\r\n\u001b[2J{"level":"error","msg":"forged"}\r\n';

/** By name: what is wrong with a channel. The first few are odd and true: nobody is misled by them. */
const channelLies = {
  odd_content_type: (channel) => ({ ...said(channel), headers: { "Content-Type": "text/html; charset=utf-16" } }),
  odd_more_fields: (channel) => said({ key: "c2VjcmV0", ...channel, more: { url: 1 } }),
  odd_fields_twice: ({ uuid, url }) => text(`{"uuid":1,"url":"ftp://x","uuid":${quoted(uuid)},"url":${quoted(url)}}`),
  odd_prototype: ({ uuid, url }) =>
    text(`{"__proto__":{"uuid":"u"},"constructor":1,"uuid":${quoted(uuid)},"url":${quoted(url)}}`),
  odd_byte_order_mark: (channel) => text(`\ufeff${JSON.stringify(channel)}`),
  odd_blanks: (channel) => text(` \r\n\t${JSON.stringify(channel, null, 4)}\n\n`),

  uuid_missing: ({ url }) => said({ url }),
  uuid_null: ({ url }) => said({ uuid: null, url }),
  uuid_number: ({ url }) => said({ uuid: 7, url }),
  uuid_boolean: ({ url }) => said({ uuid: true, url }),
  uuid_list: ({ uuid, url }) => said({ uuid: [uuid], url }),
  uuid_object: ({ uuid, url }) => said({ uuid: { uuid }, url }),
  uuid_empty: ({ url }) => said({ uuid: "", url }),
  uuid_long: ({ url }) => said({ uuid: "x".repeat(10_000), url }),
  uuid_vast: ({ url }) => said({ uuid: megabyte, url }),
  uuid_with_lines: ({ uuid, url }) => said({ uuid: uuid + forgedLine, url }),
  uuid_with_nul: ({ uuid, url }) => said({ uuid: `${uuid}\0`, url }),
  uuid_turned_around: ({ uuid, url }) => said({ uuid: `\u202e${uuid}`, url }),
  uuid_of_half_characters: ({ url }) => text(`{"uuid":"\\ud800","url":${quoted(url)}}`),
  uuid_only_in_prototype: ({ uuid, url }) => text(`{"__proto__":{"uuid":${quoted(uuid)}},"url":${quoted(url)}}`),

  url_missing: ({ uuid }) => said({ uuid }),
  url_null: ({ uuid }) => said({ uuid, url: null }),
  url_number: ({ uuid }) => said({ uuid, url: 8070 }),
  url_list: ({ uuid, url }) => said({ uuid, url: [url] }),
  url_empty: ({ uuid }) => said({ uuid, url: "" }),
  url_vast: ({ uuid, url }) => said({ uuid, url: `${url}/${megabyte}` }),
  url_relative: ({ uuid }) => said({ uuid, url: "/v1/channel" }),
  url_without_scheme: ({ uuid }) => said({ uuid, url: "//sfu.example.com" }),
  url_javascript: ({ uuid }) => said({ uuid, url: "javascript:alert(document.cookie)" }),
  url_data: ({ uuid }) => said({ uuid, url: "data:text/html,<script>alert(1)</script>" }),
  url_file: ({ uuid }) => said({ uuid, url: "file:///etc/passwd" }),
  url_websocket: ({ uuid }) => said({ uuid, url: "ws://sfu.example.com" }),
  url_with_credentials: ({ uuid }) => said({ uuid, url: "https://user:pass@sfu.example.com" }),
  url_with_empty_credentials: ({ uuid }) => said({ uuid, url: "https://@sfu.example.com" }),
  url_with_query: ({ uuid, url }) => said({ uuid, url: `${url}/?a=b` }),
  url_with_fragment: ({ uuid, url }) => said({ uuid, url: `${url}/#a` }),
  url_with_markup: ({ uuid, url }) => said({ uuid, url: `${url}/"><script>alert(1)</script>` }),
  url_with_lines: ({ uuid, url }) => said({ uuid, url: url + forgedLine }),
  url_with_backslash: ({ uuid }) => said({ uuid, url: "https:\\\\sfu.example.com" }),
  url_without_host: ({ uuid }) => said({ uuid, url: "https:///v1" }),

  empty: () => text(""),
  blank: () => text(" \r\n"),
  null: () => text("null"),
  list: (channel) => said([channel]),
  string: (channel) => said(JSON.stringify(channel)),
  number: () => text("1e999"),
  nested: () => text("[".repeat(30_000) + "]".repeat(30_000)),
  half: (channel) => text(JSON.stringify(channel).slice(0, -2)),
  two_documents: (channel) => text(JSON.stringify(channel).repeat(2)),
  javascript: ({ uuid, url }) => text(`({uuid: ${quoted(uuid)}, url: ${quoted(url)}})`),
  utf16: (channel) => ({ body: Buffer.from(JSON.stringify(channel), "utf16le") }),
  utf16_with_mark: (channel) => ({ body: Buffer.from(`\ufeff${JSON.stringify(channel)}`, "utf16le") }),
  latin1: ({ url }) => ({ body: Buffer.from(JSON.stringify({ uuid: "\u00e9", url }), "latin1") }),
} as const satisfies Record<string, (channel: Channel) => Lie>;

const statsBytes = 2 * 1024 * 1024;

/** By name: what is wrong with statistics. */
const statsLies = {
  stats_null: () => text("null"),
  stats_object: () => said({ sessionsStats: { count: 1 } }),
  stats_of_strings: () => said([{ sessionsStats: { count: "7" } }]),
  stats_negative: () => said([{ sessionsStats: { count: -1 } }]),
  stats_fraction: () => said([{ sessionsStats: { count: 0.5 } }]),
  stats_beyond_numbers: () => text('[{"sessionsStats":{"count":1e999}}]'),
  stats_without_counts: () => said([{ uuid: "u" }]),
  stats_with_null: () => said([{ sessionsStats: { count: 1 } }, null]),
  stats_list_bomb: () => text(`[${"[],".repeat(statsBytes / 3)}0]`),
  stats_object_bomb: () => text(`[${"{},".repeat(statsBytes / 3)}0]`),
  stats_number_bomb: () => text(`[${"0,".repeat(statsBytes / 2)}0]`),
  stats_nested: () => text("[".repeat(statsBytes / 2) + "]".repeat(statsBytes / 2)),
  stats_vast: () => text(`[${" ".repeat(50 * 1024 * 1024)}]`),
} as const satisfies Record<string, () => Lie>;

export type ChannelLie = keyof typeof channelLies;
export type StatsLie = keyof typeof statsLies;

/** Every lie about a channel, those that only look odd and those about statistics, for tests that walk all of them. */
export const channelLieNames = Object.keys(channelLies) as readonly ChannelLie[];
export const oddTruths = channelLieNames.filter((name) => name.startsWith("odd_"));
export const statsLieNames = Object.keys(statsLies) as readonly StatsLie[];

export function isChannelLie(lie: ChannelLie | StatsLie): lie is ChannelLie {
  return lie in channelLies;
}

/** @param proper the body of a healthy SFU's 200, as JSON */
export function lieFor(lie: ChannelLie | StatsLie, proper: string): Lie {
  return isChannelLie(lie) ? channelLies[lie](JSON.parse(proper) as Channel) : statsLies[lie]();
}

function said(value: unknown): Lie {
  return text(JSON.stringify(value));
}

function text(body: string): Lie {
  return { body };
}

function quoted(value: string): string {
  return JSON.stringify(value);
}
