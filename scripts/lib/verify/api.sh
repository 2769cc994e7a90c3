# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about what the service answers: health, readiness, the API, Dapr's intents, how fast.

scores() { # STUDENT
    jq -cn --arg student "$1" \
        '{student_id: $student, components: {completion: 0.8, quiz: 0.9, quality: 0.85, consistency: 0.7}}'
}

about() { # STUDENT [FIELDS AS JSON]
    jq -cn --arg student "$1" --argjson more "${2:-{\}}" '{student_id: $student} + $more'
}

# What the deployment says of itself.
learn() {
    ask admin GET /
    version=$(value '.version // ""') commit=$(value '.commit // ""') environment=$(value '.environment // ""')
}

# ---- health and readiness ----

health_answers() {
    ask admin GET /health
    ticked_if "GET /health: 200, status healthy" got 200 '.status == "healthy"'
}

health_in_time() {
    ask admin GET /health
    if got 200 && [ "$milliseconds" -lt 3000 ]; then
        ticked "answered in $milliseconds ms"
    else
        failed "$(answer), after $milliseconds ms"
    fi
}

health_again() {
    local i
    for i in 1 2 3 4 5; do
        ask admin GET /health
        got 200 '.status == "healthy"' || { failed "check $i of 5: $(answer)" && return; }
    done
    ticked "5 of 5 checks: 200, healthy"
}

ready_answers() {
    ask admin GET /ready
    ticked_if "GET /ready: 200, status ready" got 200 '.status == "ready"'
}

ready_names_dependencies() {
    ask admin GET /ready
    ticked_if "dependencies: $(value '.dependencies | keys | join(", ")')" \
        got 200 '.status == "ready" and (.dependencies | has("state_store") and has("worker") and has("dapr"))'
}

# Dapr alone may be absent, where nobody has configured it.
dependencies_healthy() {
    ask admin GET /ready
    ticked_if "$(value '.dependencies | to_entries | map("\(.key) \(.value)") | join(", ")')" got 200 \
        '.dependencies | .state_store == "healthy" and .worker == "healthy" and (.dapr | . == "healthy" or . == "not_configured")'
}

dependency_healthy() { # NAME
    ask admin GET /ready
    ticked_if "GET /ready: $1 healthy" got 200 ".dependencies.$1 == \"healthy\""
}

traffic() {
    ask admin POST /api/v1/mastery/query "$(about "${students[2]}")"
    ticked_if "a query with a token is answered with 200" got 200 .success
}

state_health() {
    ask admin GET /ready
    ticked_if "the engine's own check, asked by GET /ready: Redis answers PING ($milliseconds ms)" \
        got 200 '.dependencies.state_store == "healthy"'
}

state_crud() {
    local student=${run_id}_crud
    students+=("$student")
    ask admin POST /api/v1/mastery/calculate "$(scores "$student")"
    got 200 || { failed "save: $(answer)" && return; }
    ask admin POST /api/v1/mastery/query "$(about "$student")"
    got 200 '.mastery_score > 0' || { failed "get: $(answer)" && return; }
    ask admin DELETE "/api/v1/compliance/student/$student"
    got 200 || { failed "delete: $(answer)" && return; }
    ticked "a student saved (POST calculate), read (POST query) and deleted (DELETE student)"
}

# ---- the API ----

info_answers() {
    ask admin GET /
    ticked_if "$(value '"\(.name) \(.version), commit \(.commit), \(.environment)"')" \
        got 200 '.name == "mastery-engine" and (.version | length > 0)'
}

query_answers() {
    ask admin POST /api/v1/mastery/query "$(about "${students[0]}")"
    ticked_if "mastery_score $(value .mastery_score), level $(value .level)" \
        got 200 ".success and .student_id == \"${students[0]}\" and (.mastery_score | type) == \"number\" and (.data.components | length) == 4"
}

# 0.8·0.4 + 0.9·0.3 + 0.85·0.2 + 0.7·0.1
calculate_answers() {
    ask admin POST /api/v1/mastery/calculate "$(scores "${students[0]}")"
    ticked_if "components 0.8, 0.9, 0.85, 0.7 make $(value .mastery_score), $(value .level)" \
        got 200 '.mastery_score == 0.83 and .level == "master"'
}

invalid_input_refused() {
    ask admin POST /api/v1/mastery/calculate "$(about "${students[0]}" '{"components":{"completion":2}}')"
    ticked_if "400 VALIDATION_ERROR, $(value '.error.details.errors | map(.field) | join(", ")') named" \
        got 400 '.error.code == "VALIDATION_ERROR" and (.error.details.errors | length > 0)'
}

batch_accepted() {
    ask admin POST /api/v1/batch/mastery \
        "$(jq -cn --args '{student_ids: $ARGS.positional, priority: "normal"}' "${students[@]:0:4}")"
    batch=$(value '.batch_id // ""')
    ticked_if "202, batch_id $batch" got 202 '.batch_id | length > 0'
}

# Until it is done; 20 s is longer than four students can take.
batch_status() {
    local tries=40
    [ -n "${batch-}" ] || { failed "there is no batch: it was not accepted" && return; }
    while ask admin GET "/api/v1/batch/mastery/$batch" &&
        got 200 '.status == "pending" or .status == "processing"' && ((tries-- > 0)); do
        sleep 0.5
    done
    ticked_if "$(value '"\(.status), \(.progress_percentage) %, \(.processed_students) of \(.total_students)"')" \
        got 200 '.status == "completed" and .progress_percentage == 100 and .processed_students == .total_students'
}

history_answers() {
    ask admin POST /api/v1/analytics/mastery-history "$(about "${students[0]}" '{"days":7,"aggregation":"daily"}')"
    ticked_if "$(value .count) day of data, mean $(value .statistics.mean)" got 200 '.success and .count >= 1 and (.data | length) == .count'
}

cohorts_compared() {
    ask admin POST /api/v1/analytics/compare/cohorts \
        "$(jq -cn --args '{cohort_a_student_ids: $ARGS.positional[:2], cohort_b_student_ids: $ARGS.positional[2:4]}' "${students[@]:0:4}")"
    ticked_if "two cohorts of two compared, p = $(value .statistical_significance)" \
        got 200 '.success and .cohort_a_stats.count == 2 and .cohort_b_stats.count == 2'
}

# ---- Dapr's intents ----

# As the sidecar where its token and listener are known, else as an admin.
process() { # INTENT PAYLOAD
    local request
    request=$(jq -cn --arg intent "$1" --argjson payload "$2" '{intent: $intent, payload: $payload}')
    if [ -n "${APP_API_TOKEN-}" ] && [ -n "${DAPR_URL-}" ]; then
        printf 'dapr-api-token: %s\n' "$APP_API_TOKEN" >"$work/as-sidecar"
        caller="as the sidecar"
        address=$DAPR_URL ask none POST /api/v1/process "$request" --header "@$work/as-sidecar"
    else
        caller="with an admin's token"
        ask admin POST /api/v1/process "$request"
    fi
}

process_answers() {
    process mastery_calculation "$(about "${students[0]}")"
    ticked_if "$caller: mastery_calculation answered" got 200 '.success and .data.mastery_score > 0'
}

intents_routed() {
    local intent payload
    while read -r intent payload; do
        process "$intent" "$(jq -c --arg student "${students[0]}" \
            'if . == [] then {student_ids: [$student]} else . + {student_id: $student} end' <<<"$payload")"
        [[ $status =~ ^20[02]$ ]] && got "$status" ".success and .metadata.intent == \"$intent\"" ||
            { failed "$intent: $(answer)" && return; }
    done <<'INTENTS'
mastery_calculation {}
get_prediction {}
generate_path {}
batch_process []
analytics_query {"query_type":"history","days":7}
INTENTS
    process no_such_intent '{}'
    ticked_if "$caller: five intents answered, an unknown one refused" got 400 '.metadata.error_code == "INVALID_INTENT"'
}

process_format() {
    process get_prediction "$(about "${students[0]}")"
    ticked_if "success, data, error, metadata, correlation_id" \
        got 200 '[has("success", "data", "error", "metadata", "correlation_id")] | all'
}

# ---- how fast ----

# The median of nine: one that met a busy moment says nothing.
median_of() { # WHO METHOD PATH [BODY]
    local i
    for i in 1 2 3 4 5 6 7 8 9; do
        ask "$@"
        [[ $status =~ ^20[02]$ ]] || return 1
        echo "$milliseconds"
    done >"$work/times"
    median=$(sort -n "$work/times" | sed -n 5p)
}

in_time() { # LIMIT WHO METHOD PATH [BODY]
    local limit=$1
    shift
    if ! median_of "$@"; then
        failed "$(answer)"
    elif [ "$median" -lt "$limit" ]; then
        ticked "median of nine: $median ms"
    else
        failed "median of nine: $median ms, not under $limit ms, as seen from here"
    fi
}

quick() { # LIMIT METHOD PATH
    in_time "$1" admin "$2" "$3"
}

quick_query() { # LIMIT
    in_time "$1" admin POST /api/v1/mastery/query "$(about "${students[0]}")"
}

# One only: of batches there may be ten a minute.
quick_batch() { # LIMIT
    ask admin POST /api/v1/batch/mastery "$(jq -cn --arg s "${students[0]}" '{student_ids: [$s]}')"
    if ! got 202; then
        failed "$(answer)"
    elif [ "$milliseconds" -lt "$1" ]; then
        ticked "accepted in $milliseconds ms"
    else
        failed "accepted in $milliseconds ms, not under $1 ms, as seen from here"
    fi
}
