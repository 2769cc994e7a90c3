-- SPDX-License-Identifier: GPL-3.0-or-later
-- What wrk prints at the end of each load of this folder.

-- Prints one line of JSON with times in microseconds.
function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"p999":%d,"errors":%d,'
        .. '"timeouts":%d,"refused":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        latency:percentile(99.9), e.connect + e.read + e.write + e.status + e.timeout, e.timeout, e.status))
end
