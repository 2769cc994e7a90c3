# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # die does not return; the scripts share their variables
# The demo class: three students with two weeks of history, their teacher, and commands to try it with.

# Prints nothing when only an identity provider can sign.
token() { # USER ROLE
    [ "$can_sign" = yes ] || return 0
    "$BIN_DIR/mastery-ctl" token --user "$1" --role "$2" --ttl "${3:-86400}" ||
        die "mastery-ctl token failed"
}

# Once in each Redis: the file names the last one, empty for the own one.
seed() {
    local redis=$REDIS_URL
    [ "$own_redis" = no ] || redis=
    [ -z "${NO_SEED-}" ] && [ "$can_sign" = yes ] || return 0
    [ ! -e "$STATE_DIR/seeded" ] || [ "$(cat "$STATE_DIR/seeded")" != "$redis" ] || return 0
    "$BIN_DIR/mastery-ctl" seed --student student-1,student-2,student-3 --days 14 \
        >>"$STATE_DIR/log/seed.log" 2>&1 || fail_with_log seed "mastery-ctl seed failed"
    curl --noproxy '*' -sS --fail-with-body -X PUT "$BASE_URL/api/v1/cohorts/demo-class" \
        -H "Authorization: Bearer $(token run admin 60)" -H 'Content-Type: application/json' \
        -d '{"name":"Demo class","teacher_ids":["teacher-1"],"student_ids":["student-1","student-2","student-3"]}' \
        >>"$STATE_DIR/log/seed.log" 2>&1 || fail_with_log seed "the demo cohort could not be made"
    echo "$redis" >"$STATE_DIR/seeded"
}

tokens() {
    STUDENT_TOKEN=$(token student-1 student) && TEACHER_TOKEN=$(token teacher-1 teacher) &&
        ADMIN_TOKEN=$(token admin-1 admin) || exit 1
}

print_addresses() {
    local name pid
    echo "Mastery Engine runs."
    printf '  %-12s %s\n' "API" "$BASE_URL" "to read" "$BASE_URL/docs (paste a token there to try it)" \
        "sidecar" "$DAPR_URL (for Dapr's sidecar)" \
        "Redis" "$REDIS_URL" "state" "$STATE_DIR" "to source" "$STATE_DIR/env" "logs" "$STATE_DIR/log"
    for name in "${processes[@]}"; do
        pid=$(running_pid "$name") && printf '  %-12s process %s\n' "$name" "$pid"
    done
    return 0
}

print_examples() {
    if [ "$can_sign" = no ]; then
        echo "Without JWT_PRIVATE_KEY_FILE there are no tokens and no demo class: sign in at the identity provider."
        return
    fi
    local curl="curl -sS"
    [ -z "${http_proxy-}${all_proxy-}${ALL_PROXY-}" ] || curl="$curl --noproxy '*'"
    cat <<LINES

Tokens, good for a day:
  student student-1   $STUDENT_TOKEN
  teacher teacher-1   $TEACHER_TOKEN
  admin   admin-1     $ADMIN_TOKEN

Try:
$curl $BASE_URL/ready
$curl -H 'Authorization: Bearer $STUDENT_TOKEN' -H 'Content-Type: application/json' -d '{"student_id":"student-1"}' $BASE_URL/api/v1/mastery/query
$curl -H 'Authorization: Bearer $STUDENT_TOKEN' '$BASE_URL/api/v1/mastery/history/student-1?days=14'
$curl -H 'Authorization: Bearer $TEACHER_TOKEN' -H 'Content-Type: application/json' -d '{"student_id":"student-2"}' $BASE_URL/api/v1/predictions/next-week
$curl -H 'Authorization: Bearer $TEACHER_TOKEN' -H 'Content-Type: application/json' -d '{"student_ids":["student-1","student-2","student-3"],"metric":"mastery_score"}' $BASE_URL/api/v1/analytics/compare/students
$curl -H 'Authorization: Bearer $ADMIN_TOKEN' $BASE_URL/api/v1/cohorts/demo-class

LINES
}
