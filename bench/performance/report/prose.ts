/* What docs/performance.md says around the figures. */

export const INTRODUCTION = `# Performance

What a call costs, how soon a failure is survived and how the cost grows with the fleet, side by side with what people would use
instead, in one run on one machine. This page is written by \`npm run bench -- --write\`; the figures behind it are in
[latest.json](../bench/performance/latest.json).`;

export const PEERS = `## Who is compared

The first three do the same job: verify the caller's HS256 token, sign the claims anew with the SFU's key, ask an SFU over a kept
connection, keep a conference at its SFU, and try another one where that fails, three at most, with a second for each; and each writes a
log line a call.

| Peer           | verifies                                                                      | retries                                                                                                                                                                    | takes an SFU out by                                                                                          |
| -------------- | ----------------------------------------------------------------------------- | -------------------------------------------------------------------------------------------------------------------------------------------------------------------------- | ------------------------------------------------------------------------------------------------------------ |
| SFU Gateway    | all of SECURITY.md, and the SFU's answer                                        | whatever is no channel, inside 2.5 s for all of it                                                                                                                          | breakers and probes every 2 s; all defaults, but for \`max_sessions\` (nobody leaves here)                     |
| nginx + njs    | signature, \`alg\`, \`exp\`, \`iss\`, in njs                                        | \`proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504\`, \`_tries 3\`, \`_timeout 2500ms\`                                                     | \`max_fails=3 fail_timeout=5s\`; the open source nginx has no active checks                                     |
| HAProxy        | signature (\`jwt_verify\`), \`alg\`, \`exp\`, \`iss\`                                 | \`retry-on all-retryable-errors\`, \`retries 2\`, \`option redispatch 1\`                                                                                                       | \`observe layer7 error-limit 5 on-error mark-down\`, and \`httpchk\` of \`/v1/noop\` every 2 s, \`fall 2 rise 1\` |
| bare node:http | signature, \`exp\`, \`iss\`: two HMACs and a kept connection, the least on Node.js, in turn to each SFU | nothing                                                                                                                                                                    | nothing; it has no log either                                                                                |
| no proxy       | nothing: what callers, SFUs and the loopback cost                              |                                                                                                                                                                            |                                                                                                              |

\`hash … consistent\` (nginx) and \`balance hash\` with \`hash-type consistent\` (HAProxy) place conferences; the gateway places them by load.
The configurations are in [bench/performance/peers](../bench/performance/peers); \`spec/bench/peers.spec.ts\` shows that each of
them does what it is said to do here before anything is measured.`;

export const REPEAT = `## To repeat it

\`\`\`sh
npm run bench                                # all of it, under 15 minutes; nothing else should run meanwhile
npm run bench -- --write                     # and writes this page
npm run bench -- --only steady               # or faults, or growth
npm run bench -- --brief                     # a minute: does everything work? Judges nothing
npm run bench -- --json FILE                 # the figures as JSON
npm run bench -- --from FILE                 # the same tables from such a file
\`\`\`

Linux, with wrk; on Debian \`apt-get install wrk nginx-light libnginx-mod-http-js haproxy\`. Who is not installed is left out and named.
It exits with 1 where something that must hold does not, or where a call of the steady load failed.`;

export const LIMITS = `## What this does not show

- All SFUs have the same key here. Neither nginx nor HAProxy can sign again for the next server when they retry; the gateway signs
  for each. With a key for each SFU, as SFUs are usually set up, their failover would draw refusals.
- Neither looks at what an SFU answers: a 200 without a channel goes to Odoo, which raises in its join. Nor do they ask once for members
  who join at the same moment, place by load, drain, or check keys.
- Callers, SFUs and proxies share one machine and its loopback: no network, no TLS. A network adds the same to all of them.
- The SFUs of the steady load check nothing and answer at once. A real one takes 0.5 to 3 ms, beside which the differences in latency
  are small.
- Virtual machines have neighbours. Ratios of the same round bear that better than microseconds, which are of this machine.
- What CPU a call means at the end of one processor says little of a gateway with ten calls a second: it is idle.`;
