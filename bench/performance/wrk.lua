-- What wrk asks: /v1/channel with one token after the other of a file, as fast as it can or at a pace.
-- Arguments: the file, the length of its lines, the first line and how many, the mean pause of a connection between two calls
-- in milliseconds (0 for none), and what it says of the connection (keep-alive, or close for a new one each time).
local requests = {}
local turn = 0

function init(args)
  local width, first, count, pause, connection = tonumber(args[2]), tonumber(args[3]), tonumber(args[4]), tonumber(args[5]), args[6]
  local file = assert(io.open(args[1], "rb"))
  file:seek("set", first * width)
  for number = 1, count do
    local token = file:read(width):sub(1, -2)
    local headers = { ["Authorization"] = "Bearer " .. token }
    if connection == "close" then headers["Connection"] = "close" end
    requests[number] = wrk.format("GET", "/v1/channel", headers)
  end
  file:close()
  if pause > 0 then
    -- Gaps as chance has them. wrk begins to measure when the pause is over.
    function delay()
      return math.floor(-math.log(1 - math.random()) * pause + 0.5)
    end
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'RESULT {"calls":%d,"seconds":%f,"failed":%d,"refused":%d,"p50Us":%d,"p99Us":%d,"maxUs":%d}\n',
    summary.requests, summary.duration / 1e6, failed, errors.status,
    latency:percentile(50), latency:percentile(99), latency.max
  ))
end
