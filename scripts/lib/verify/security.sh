# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about who may do what, hostile input, and limits.

no_token_refused() {
    ask none POST /api/v1/mastery/query "$(about "${students[0]}")"
    ticked_if "401 AUTH_ERROR, WWW-Authenticate: $(header WWW-Authenticate)" got 401 '.error.code == "AUTH_ERROR"'
}

invalid_token_refused() {
    ask bad POST /api/v1/mastery/query "$(about "${students[0]}")"
    ticked_if "a token with a wrong signature: 401 AUTH_ERROR" got 401 '.error.code == "AUTH_ERROR"'
}

# ---- roles: one who may, one who may not ----

reads() { # WHO STUDENT: sets status
    ask "$1" POST /api/v1/mastery/query "$(about "$2")"
}

student_access() {
    reads student "${own_student:-none}"
    # A student whose token was given may have no data yet.
    [[ $status =~ ^(200|404)$ ]] || { failed "own data: $(answer)" && return; }
    reads student "${students[2]}"
    ticked_if "own data answered, another's refused with 403" got 403
}

teacher_access() {
    reads teacher "${students[0]}"
    got 200 || { failed "a student of the own cohort: $(answer)" && return; }
    reads teacher "${students[2]}"
    ticked_if "a student of the own cohort answered, another refused with 403" got 403
}

admin_access() {
    reads admin "${students[0]}"
    got 200 || { failed "$(answer)" && return; }
    ask admin GET "/api/v1/cohorts/$cohort"
    got 200 || { failed "$(answer)" && return; }
    ask student GET "/api/v1/compliance/audit/logs?limit=1"
    got 403 || { failed "a student asks for the audit log: $(answer)" && return; }
    ask admin GET "/api/v1/compliance/audit/logs?limit=1"
    ticked_if "students, cohorts and audit log answered; the audit log is refused to a student" got 200
}

# ---- hostile input ----

id_refused() { # ID
    ask admin POST /api/v1/mastery/query "$(about "$1")"
    ticked_if "\"$1\" as student_id: 400 VALIDATION_ERROR" \
        got 400 '.error.details.errors | map(.field) | index("student_id") != null'
}

sql_refused() { id_refused 'test; DROP TABLE users;--'; }
# shellcheck disable=SC2016 # it is hostile because it would be expanded elsewhere
command_refused() { id_refused '$(reboot)`reboot`|reboot'; }

markup_refused() {
    ask admin POST /api/v1/mastery/ingest "$(jq -cn --arg student "${students[0]}" \
        --arg now "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" '{event_id: "verify-markup", event_type: "content.rated",
            student_id: $student, timestamp: $now, data: {content_id: "c1", content_type: "article", rating: 5,
            comment: "<script>alert(1)</script>"}}')"
    ticked_if "<script> in a comment: 400, it never gets in" \
        got 400 '.error.details.errors | map(.field) | index("data.comment") != null'
}

invalid_json_refused() {
    ask admin POST /api/v1/mastery/query '{"student_id": "a",}'
    ticked_if "400 INVALID_JSON at offset $(value .error.details.offset)" got 400 '.error.code == "INVALID_JSON"'
}

# ---- limits ----

# The list's 60 requests, once, by a user of their own on one connection: sets served and refused, and
# leaves the answers' heads in $work/flood.
flood() {
    local i config='' as=()
    [ -z "${flooded-}" ] || return 0
    flooded=yes
    for i in {1..60}; do
        config+="url = \"$url/health\"
output = \"$work/flood-body-$i\"
"
    done
    [ -z "${tokens[limited]-}" ] || as=(--header "@$work/as-limited")
    curl --silent --max-time 60 --noproxy 127.0.0.1,localhost,::1 --dump-header "$work/flood" \
        --write-out '%{http_code}\n' ${as[@]+"${as[@]}"} --config - <<<"$config" >"$work/flood-statuses" 2>/dev/null
    served=$(grep -c '^200$' "$work/flood-statuses")
    refused=$(grep -c '^429$' "$work/flood-statuses")
}

limit_enforced() {
    flood
    if [ "$refused" -gt 0 ] && [ "$served" -ge 40 ]; then
        ticked "of 60 GET /health at once $served were served and $refused refused"
    else
        failed "of 60 GET /health at once $served were served and $refused refused"
    fi
}

limit_status() {
    local first
    flood
    first=$(grep -n -m 1 '^429$' "$work/flood-statuses" | cut -d : -f 1)
    if [ -n "$first" ] && jq -e '.error.code == "RATE_LIMITED"' "$work/flood-body-$first" >/dev/null 2>&1; then
        ticked "429 RATE_LIMITED from request $first on"
    else
        failed "no 429 with the code RATE_LIMITED among 60 requests"
    fi
}

limit_retry_after() {
    local told
    flood
    told=$(tr -d '\r' <"$work/flood" | sed -n 's/^[Rr]etry-[Aa]fter: //p' | sort -u | tr '\n' ' ')
    if [[ $told =~ ^[1-9][0-9]*' '$ ]]; then
        ticked "Retry-After: $told"
    else
        failed "Retry-After of the refusals: ${told:-none}"
    fi
}
