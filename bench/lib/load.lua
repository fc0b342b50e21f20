-- SPDX-License-Identifier: Apache-2.0
-- For wrk: sends the requests of a file one after the other, round and round. A line is a path, a key and a
-- body, with tabs between. They are made before the load begins, so that the load costs as little as may be.
local requests, at = {}, 0

function init(args)
    for line in io.lines(args[1]) do
        local path, key, body = line:match("^(%S+)\t(%S+)\t(.*)$")
        local headers = { ["content-type"] = "application/json", ["x-api-key"] = key }
        requests[#requests + 1] = wrk.format("POST", path, headers, body)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary)
    local e = summary.errors
    io.write(string.format('\n{"requests":%d,"us":%d,"failed":%d}\n', summary.requests, summary.duration,
        e.connect + e.read + e.write + e.status + e.timeout))
end
