#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the deployment verification checklist against a running deployment, box by box: ticked, failed, or for a
# person, each with its evidence. It changes nothing but students and a cohort of its own, which it erases.
#
#   scripts/verify-deployment.sh [--report FILE.md] [--json] [--only ID,...] [URL]      http://127.0.0.1:8005
#
#   --report FILE.md   writes the list, filled in, with version, commit, time and operator
#   --json             prints one JSON document instead of lines
#   --only ID,...      only boxes whose id (scripts/lib/verify/boxes) begins with one of these; no report then
#
# Exit status: 0 no box failed, 1 some did, 2 wrong usage, 3 nobody answers at the URL.
#
# Environment (STATE_DIR/env of scripts/run has what it needs):
#   JWT_SECRET, JWT_SECRET_FILE  make the tokens of the verification's own users, by the first secret;
#                                JWT_ISSUER and JWT_AUDIENCE go into them
#   ADMIN_TOKEN, TEACHER_TOKEN, STUDENT_TOKEN   are used where there is no secret (RS256, ES256)
#   APP_API_TOKEN, DAPR_URL      the sidecar's listener; without them intents are tried with a token
#   METRICS_URL                  where /metrics may be asked for, when not at URL
#   REDIS_URL, REDIS_PASSWORD    for the expiry of a snapshot, with redis-cli
#   ENGINE_LOG                   files of the engine's log, where there are no kubectl, journal or STATE_DIR
#   PROMETHEUS_URL, GRAFANA_URL  for the boxes about alerts and dashboard
#   IMAGE                        the image to look at, where kubectl does not name it
#   TEST_RESULTS                 what scripts/test has left: build/test/results.json
#   LOAD_RESULTS                 what scripts/load has left: build/load
#   NAMESPACE                    learnflow, for kubectl
#   POD                          of podman kube play, where there is no cluster: mastery-engine-dev-pod-0
#   OPERATOR                     who signs; else git's user.name or the login
# shellcheck disable=SC2034,SC2154 # the scripts share their variables
set -uo pipefail
me=verify-deployment
root=$(cd "$(dirname "$0")/.." && pwd -P)
parts=$(cd "$(dirname "$0")/lib/verify" && pwd -P) || exit 2
for part in http api security privacy monitoring kubernetes source logs report; do
    # shellcheck source=/dev/null
    . "$parts/$part.sh" || exit 2
done

say() { echo "$me: $*" >&2; }

usage() {
    sed -n '3,/^# shellcheck/{/^# shellcheck/!s/^# \{0,1\}//p}' "$0"
}

# What a check says of its box.
ticked() { outcome=ticked evidence=$*; }
failed() { outcome=failed evidence=$*; }
person() { outcome=person evidence=$*; }

# For checks that look at the last answer.
ticked_if() { # EVIDENCE COMMAND...
    local good=$1
    shift
    if "$@"; then ticked "$good"; else failed "$(answer)"; fi
}

options() {
    url='' report='' form=lines only=''
    while [ $# -gt 0 ]; do
        case $1 in
        --report) [ $# -gt 1 ] && report=$2 && shift ;;
        --report=*) report=${1#*=} ;;
        --json) form=json ;;
        --only) [ $# -gt 1 ] && only=${2//,/ } && shift ;;
        --help) usage && exit 0 ;;
        http://* | https://*) [ -z "$url" ] && url=${1%/} ;;
        *) false ;;
        esac || { say "what is \"$1\"? --help tells more" && exit 2; }
        shift
    done
    : "${url:=http://127.0.0.1:8005}"
    [ -z "$only" ] || [ -z "$report" ] || { say "a report has all boxes: --report and --only exclude each other" && exit 2; }
}

needs() {
    local program missing=
    for program in curl jq awk base64 sha256sum od; do
        command -v $program >/dev/null || missing+=" $program"
    done
    [ -z "$missing" ] || { say "this needs:$missing" && exit 2; }
}

# Everybody whom the checks ask about.
prepare() {
    local names=(a b c d) name
    students=()
    for name in "${names[@]}"; do
        students+=("${run_id}_$name")
        ask admin POST /api/v1/mastery/calculate "$(scores "${run_id}_$name")"
    done
    cohort=${run_id}_class
    ask admin PUT "/api/v1/cohorts/$cohort" "$(jq -cn --arg student "${students[0]}" \
        --arg teacher "${own_teacher:-${run_id}_teacher}" \
        '{name: "Deployment verification", teacher_ids: [$teacher], student_ids: [$student]}')"
}

# Whatever has happened in between.
clean_up() {
    local student left=
    trap '' INT TERM HUP
    ask admin DELETE "/api/v1/cohorts/$cohort"
    [[ $status =~ ^(200|204|404)$ ]] || left+=" cohort $cohort"
    for student in "${students[@]}"; do
        ask admin DELETE "/api/v1/compliance/student/$student"
        got 200 || left+=" $student"
    done
    rm -rf "$work"
    [ -z "$left" ] || { say "could not be erased:$left" && exit 1; }
}

wanted() { # ID
    local start
    for start in $only; do
        [[ $1 != "$start"* ]] || return 0
    done
    [ -z "$only" ]
}

run_boxes() {
    local id section words check call
    while IFS= read -r line; do
        [[ $line != '#'* ]] || continue
        id=${line%% | *} check=${line##* | }
        wanted "$id" || continue
        line=${line#* | } line=${line% | *}
        section=${line%% | *} words=${line#* | }
        outcome=failed evidence="the check came to no end"
        read -ra call <<<"$check"
        "${call[@]}" </dev/null
        evidence=${evidence//[$'\t\r\n']/ }
        printf '%s\t%s\t%s\t%s\t%s\n' "$id" "$section" "$words" "$outcome" "$evidence" >>"$work/results"
        [ "$form" != lines ] || show_box "$section" "$words"
    done <"$parts/boxes"
}

main() {
    options "$@"
    needs
    work=$(mktemp -d) && : >"$work/results" || exit 2
    run_id=verify_$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
    trap 'rm -rf "$work"' EXIT
    declare -gA tokens=([none]='')
    send none GET /health
    [ "$status" != 000 ] || { say "$url: no answer, $(head -n 1 "$work/error")" && exit 3; }
    find_tokens
    write_token_files
    learn
    began=$(date -u +%Y-%m-%dT%H:%M:%SZ) operator=${OPERATOR:-$(git config user.name 2>/dev/null || id -un)}
    students=() cohort=${run_id}_class
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    prepare
    run_boxes
    [ "$form" != json ] || print_json
    [ -z "$report" ] || write_report >"$report" || { say "cannot write $report" && exit 2; }
    [ "$form" != lines ] || print_summary
    [ "$(outcomes failed)" = 0 ]
}

main "$@"
