# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about the engine's log, wherever it goes.

# The last lines of pool and worker into $work/log; says where they are from. For a person without any.
logs() {
    if cluster; then
        log_source="kubectl logs"
        kube logs -l app=mastery-engine -c app --tail=2000 >"$work/log" 2>/dev/null
    elif [ -n "${POD-}" ]; then
        log_source="podman logs"
        podman logs "$POD-app" >"$work/log" 2>&1
    elif [ -n "${ENGINE_LOG-}" ]; then
        log_source=$ENGINE_LOG
        # shellcheck disable=SC2086 # a list of files
        cat $ENGINE_LOG >"$work/log" 2>/dev/null
    elif [ -n "${STATE_DIR-}" ] && [ -e "$STATE_DIR/log/pool.log" ]; then
        log_source="$STATE_DIR/log"
        cat "$STATE_DIR"/log/{pool,worker}.log >"$work/log"
    elif journalctl -u mastery-worker -n 1 --output cat 2>/dev/null | grep -q '^{'; then
        log_source=journal
        journalctl -u 'mastery-engine@*' -u mastery-worker -n 2000 --output cat >"$work/log"
    else
        person "$1; the log is not to be seen from here (kubectl, ENGINE_LOG, STATE_DIR or the journal show it)"
        return 1
    fi
    [ -s "$work/log" ] || { failed "$log_source has no lines" && return 1; }
}

# Of lines that the filter selects there must be none.
no_lines() { # FILTER EVIDENCE
    local found
    found=$(jq -cR "fromjson? | select($1)" "$work/log" | tail -n 1)
    if [ -z "$found" ]; then ticked "$2 ($log_source)"; else failed "$found"; fi
}

logs_startup() {
    logs "the first lines say ready and no error" || return
    no_lines '(.event | test("config|start")) and .level == "error"' "no line of a start has level error"
}

logs_no_errors() {
    logs "no line has level error" || return
    no_lines '.level == "error" or .level == "critical"' "no line has level error or critical among $(wc -l <"$work/log")"
}

# A tool's own line (multiwatch, sanitizers) is none of the engine's.
logs_json() {
    local bad
    logs "each line is a JSON object" || return
    bad=$(jq -rR 'select((fromjson? // null | type) != "object")' "$work/log" | head -n 1)
    if [ -z "$bad" ]; then ticked "each of $(wc -l <"$work/log") lines ($log_source)"; else failed "not JSON: ${bad:0:160}"; fi
}

# A request with an id of ours, then its line: it is written a moment after the answer.
find_request() { # FILTER EVIDENCE
    local id=${run_id}-logged trace tries=20 line
    trace=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    ask admin GET /health '' --header "X-Request-ID: $id" --header "traceparent: 00-$trace-00f067aa0ba902b7-01"
    while logs "the line of a request has its X-Request-ID as correlation_id, and its trace_id"; do
        line=$(grep -F "$trace" "$work/log" | tail -n 1)
        [ -z "$line" ] && ((tries-- > 0)) || break
        sleep 0.25
    done
    [ "$outcome" != person ] || return 0
    if jq -e --arg id "$id" --arg trace "$trace" "$1" <<<"${line:-null}" >/dev/null 2>&1; then
        ticked "$2 ($log_source)"
    else
        failed "the line of request $id: ${line:-not found}"
    fi
}
# shellcheck disable=SC2016 # variables of jq
logs_correlation() { find_request '.correlation_id == $id' "a request's line has its X-Request-ID as correlation_id"; }
# shellcheck disable=SC2016 # variables of jq
logs_trace() { find_request '.trace_id == $trace' "a request's line has the caller's trace_id"; }

# C has no stack traces to log: what an error's line has is its event, its reason and its request.
logs_error_context() {
    local bare
    logs "lines of level warning and error say what, why and for which request" || return
    bare=$(jq -cR 'fromjson? | select((.level == "error" or .level == "warning") and (.event == null or length < 6))' "$work/log" | tail -n 1)
    if [ -z "$bare" ]; then
        ticked "each line of level warning or error names its event and the circumstances ($log_source)"
    else
        failed "$bare"
    fi
}
