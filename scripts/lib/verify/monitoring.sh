# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about metrics, traces, the pool of connections and the circuit breakers.

# Sets body; where they may not be seen from here, that is said and 1 returned.
metrics() { # PATH
    address=${METRICS_URL:-$url} ask admin GET "$1"
    case $status in
    200) return 0 ;;
    403) person "$1 is refused to this address, as METRICS_ALLOW says: kubectl port-forward and METRICS_URL=http://127.0.0.1:8005, or run this from there" ;;
    *) failed "$(answer)" ;;
    esac
    return 1
}

series() { # NAME: sum of its samples in body
    awk -v name="$1" '{ n = $1; sub(/[{].*/, "", n) } n == name { sum += $NF; found = 1 } END { if (found) printf "%.0f", sum }' <<<"$body"
}

# Lines are samples or comments, and all samples of a name stand behind its TYPE.
metrics_format() {
    local bad
    metrics /metrics || return
    bad=$(awk '/^# TYPE / { known[$3] = 1; next } /^#/ || /^$/ { next }
        { name = $1; sub(/[{].*/, "", name); base = name; sub(/_(bucket|sum|count)$/, "", base) }
        !(name in known) && !(base in known) || !/^[a-z_]+([{].*[}])? [0-9.eE+-]+$/' <<<"$body" | head -n 1)
    if [[ $(header Content-Type) == text/plain* ]] && [ -z "$bad" ] && grep -q '^mastery_engine_' <<<"$body"; then
        ticked "$(header Content-Type), $(grep -c '^# TYPE' <<<"$body") families"
    else
        failed "GET /metrics is $(header Content-Type), and has the line \"$bad\""
    fi
}

metric_gauge() { # NAME
    metrics /metrics || return
    if grep -q "^# TYPE $1 gauge$" <<<"$body" && [ -n "$(series "$1")" ]; then
        ticked "$(grep "^$1[{ ]" <<<"$body" | tr '\n' ' ')"
    else
        failed "no gauge $1 in /metrics"
    fi
}

increases() { # NAME
    local before
    metrics /metrics || return
    before=$(series "$1")
    ask admin GET /health
    metrics /metrics || return
    if [ "$(series "$1")" -gt "${before:-0}" ] 2>/dev/null; then
        ticked "$1: $before, a request later $(series "$1")"
    else
        failed "$1: ${before:-not there}, a request later $(series "$1")"
    fi
}
counters_increase() { increases mastery_engine_http_requests_total; }
spans_increase() { increases mastery_engine_trace_spans_total; }

# Buckets grow with their limits, and the last one is the count.
histogram_sound() {
    local name=mastery_engine_http_request_duration_seconds told
    metrics /metrics || return
    told=$(grep "^${name}_" <<<"$body" | awk -v name=$name '
        { labels = $1; sub(/,?le="[^"]*"/, "", labels); sub(/^[a-z_]*/, "", labels) }
        $1 ~ "^" name "_bucket" { if ($2 < last[labels]) bad = labels; last[labels] = $2 }
        $1 ~ "^" name "_count" { if ($2 != last[labels]) bad = labels; total += $2; n++ }
        END { if (bad) print "bad: " bad; else printf "%d series, %d requests", n, total }')
    if [[ $told == [1-9]* ]]; then ticked "$name: $told"; else failed "$name: $told"; fi
}

detailed() { # FILTER EVIDENCE-FILTER
    metrics /metrics/detailed || return
    if got 200 "$1"; then ticked "$(value "$2")"; else failed "$(value "$2")"; fi
}
cache_hit_ratio() { detailed '.cache.hit_ratio > 0.7' '.cache | "\(.hits) hits, \(.misses) misses: \(.hit_ratio)"'; }
error_rate() { detailed '.performance.error_rate < 0.01' '.performance | "\(.errors_total) of \(.requests_total) requests: \(.error_rate)"'; }
pool_size() { detailed '.connection_pool.size >= 1' '.connection_pool | "\(.size) connections, \(.in_use) in use, \(.reconnects) made again"'; }
breakers_closed() { detailed '.circuit_breakers | length > 0 and all(.state == "closed")' '.circuit_breakers | to_entries | map("\(.key) \(.value.state)") | join(", ")'; }

pool_operations() {
    local before after good='mastery_engine_redis_operations_total{operation="read",status="ok"}'
    metrics /metrics || return
    before=$(grep -F "$good" <<<"$body" | cut -d ' ' -f 2)
    ask admin POST /api/v1/mastery/query "$(about "${students[0]}")"
    metrics /metrics || return
    after=$(grep -F "$good" <<<"$body" | cut -d ' ' -f 2)
    if [ "${after:-0}" -gt "${before:-0}" ]; then
        ticked "successful reads: $before, a query later $after"
    else
        failed "successful reads: ${before:-none}, a query later ${after:-none}"
    fi
}

# ---- traces ----

tracing_headers() {
    ask admin GET /health
    if [ -n "$(header X-Request-ID)" ] && [ -n "$(header X-Trace-ID)" ] && [ -n "$(header traceparent)" ]; then
        ticked "X-Request-ID: $(header X-Request-ID), X-Trace-ID: $(header X-Trace-ID)"
    else
        failed "GET /health has not all of X-Request-ID, X-Trace-ID, traceparent"
    fi
}

trace_continued() {
    local trace
    trace=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    ask admin GET /health '' --header "traceparent: 00-$trace-00f067aa0ba902b7-01"
    if [ "$(header X-Trace-ID)" = "$trace" ] && [[ $(header traceparent) == "00-$trace-"* ]]; then
        ticked "a caller's trace is continued here, and goes on in the traceparent of what is published (docs/worker.md)"
    else
        failed "sent trace $trace, the answer has $(header X-Trace-ID)"
    fi
}

# ---- who watches ----

# Prometheus' HTTP API; what is known without it.
prometheus() { # PATH HINT
    [ -n "${PROMETHEUS_URL-}" ] || { person "$2; with PROMETHEUS_URL this looks itself" && return 1; }
    address=${PROMETHEUS_URL%/} send none GET "$1"
    got 200 '.status == "success"' || { failed "Prometheus: $(answer)" && return 1; }
}

alerts_loaded() {
    prometheus /api/v1/rules "conf/prometheus/alerts.yml is loaded" || return
    ticked_if "$(value '[.data.groups[].rules[] | select(.type == "alerting" and (.name | startswith("MasteryEngine")))] | length') alert rules of the engine are loaded" \
        got 200 '[.data.groups[].rules[].name] | index("MasteryEngineErrorBudgetBurn") != null'
}

slo_loaded() {
    prometheus '/api/v1/query?query=mastery_engine:request_errors:ratio_rate1h' "the rules of conf/prometheus/recording.yml give values (docs/slo.md)" || return
    ticked_if "mastery_engine:request_errors:ratio_rate1h is $(value '.data.result[0].value[1]')" got 200 '.data.result | length > 0'
}

dashboard_there() {
    [ -n "${GRAFANA_URL-}" ] || { person "conf/grafana/mastery-engine.json is imported and shows this deployment; with GRAFANA_URL this looks itself" && return; }
    address=${GRAFANA_URL%/} send none GET /api/dashboards/uid/mastery-engine
    ticked_if "$(value .dashboard.title)" got 200 '.dashboard.panels | length > 0'
}
