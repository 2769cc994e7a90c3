# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # die does not return; the scripts share their variables
# The demo classes: two of 24 students with four weeks of learning events, their teacher, a consent, and commands to
# try them with. Three of the students have two weeks of stated scores. The examples of the OpenAPI document are for
# the first class; tests/harness/demo_class.py makes a small one with the same names.

# Prints nothing when only an identity provider can sign.
token() { # USER ROLE
    [ "$can_sign" = yes ] || return 0
    "$BIN_DIR/mastery-ctl" token --user "$1" --role "$2" --ttl "${3:-86400}" ||
        die "mastery-ctl token failed"
}

# Prints batches, one a line: a batch waits for its slowest student, and must not exceed the time of a request.
demo_events() { # FIRST LAST, of whom the last has no event
    local day days=()
    for ((day = 27; day >= 1; day--)); do days+=("$(date -u -d "$day days ago" +%F)"); done
    LC_ALL=C awk -v first="$1" -v last="$2" -v days="${days[*]}" -f "$root/scripts/lib/demo_events.awk"
}

demo_send() { # TOKEN METHOD PATH CONTENT-TYPE; the body is standard input
    curl --noproxy '*' -sS --fail-with-body --retry 5 -X "$2" "$BASE_URL$3" -H "Authorization: Bearer $1" \
        -H "Content-Type: $4" --data-binary @- >>"$STATE_DIR/log/seed.log" 2>&1 ||
        fail_with_log seed "the demo classes could not be made"
}

demo_class() { # TOKEN COHORT NAME FIRST LAST
    local students batch
    students=$(seq -f '"student-%g"' -s , "$4" "$5")
    while read -r batch; do
        demo_send "$1" POST /api/v1/events application/cloudevents-batch+json <<<"$batch"
    done < <(demo_events "$4" "$5")
    demo_send "$1" PUT "/api/v1/cohorts/$2" application/json \
        <<<"{\"name\":\"$3\",\"teacher_ids\":[\"teacher-1\"],\"student_ids\":[$students]}"
}

# Once in each Redis: the file names the last one, empty for the own one.
seed() {
    local redis=$REDIS_URL admin
    [ "$own_redis" = no ] || redis=
    [ -z "${NO_SEED-}" ] && [ "$can_sign" = yes ] || return 0
    [ ! -e "$STATE_DIR/seeded" ] || [ "$(cat "$STATE_DIR/seeded")" != "$redis" ] || return 0
    "$BIN_DIR/mastery-ctl" seed --student student-1,student-2,student-3 --days 14 \
        >>"$STATE_DIR/log/seed.log" 2>&1 || fail_with_log seed "mastery-ctl seed failed"
    admin=$(token run admin 600) || exit 1
    demo_class "$admin" demo-class "Demo class" 1 24
    demo_class "$admin" demo-class-2 "Second demo class" 25 48
    demo_send "$admin" POST /api/v1/compliance/consent/student-1 application/json \
        <<<'{"consent_type":"research","granted":true}'
    echo "$redis" >"$STATE_DIR/seeded"
}

tokens() {
    STUDENT_TOKEN=$(token student-1 student) && TEACHER_TOKEN=$(token teacher-1 teacher) &&
        ADMIN_TOKEN=$(token admin-1 admin) || exit 1
}

print_addresses() {
    local name pid
    echo "Mastery Engine runs."
    printf '  %-12s %s\n' "API" "$BASE_URL" "console" "$BASE_URL/console/" "to read" "$BASE_URL/docs (paste a token there to try it)" \
        "sidecar" "$DAPR_URL (for Dapr's sidecar)" \
        "Redis" "$REDIS_URL" "state" "$STATE_DIR" "to source" "$STATE_DIR/env" "logs" "$STATE_DIR/log"
    for name in "${processes[@]}"; do
        pid=$(running_pid "$name") && printf '  %-12s process %s\n' "$name" "$pid"
    done
    return 0
}

# The console follows such a link in development only.
print_console_link() {
    [ "$ENVIRONMENT" = development ] || return 0
    printf '\nThe console as the demo teacher (the link is a sign-in: keep it to yourself):\n  %s\n' \
        "$BASE_URL/console/#token=$TEACHER_TOKEN"
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
$(print_console_link)

Try:
$curl $BASE_URL/ready
$curl -H 'Authorization: Bearer $STUDENT_TOKEN' -H 'Content-Type: application/json' -d '{"student_id":"student-1"}' $BASE_URL/api/v1/mastery/query
$curl -H 'Authorization: Bearer $STUDENT_TOKEN' '$BASE_URL/api/v1/mastery/history/student-1?days=14'
$curl -H 'Authorization: Bearer $TEACHER_TOKEN' -H 'Content-Type: application/json' -d '{"student_id":"student-2"}' $BASE_URL/api/v1/predictions/next-week
$curl -H 'Authorization: Bearer $TEACHER_TOKEN' -H 'Content-Type: application/json' -d '{"student_ids":["student-1","student-2","student-3"],"metric":"mastery_score"}' $BASE_URL/api/v1/analytics/compare/students
$curl -H 'Authorization: Bearer $ADMIN_TOKEN' $BASE_URL/api/v1/cohorts/demo-class

LINES
}
