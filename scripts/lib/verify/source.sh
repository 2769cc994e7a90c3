# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about what the deployment was made from: tests, source tree, image, load tests, pages, records. A result counts
# only if it is of the commit that is deployed.

# ---- what scripts/test has found ----

same_commit() { # COMMIT: as far as the shorter one goes
    [ ${#1} -ge 7 ] && [ ${#commit} -ge 7 ] && [[ $1 == "$commit"* || $commit == "$1"* ]]
}

# Of these checks of the test run none may be missing or have failed.
results() { # EVIDENCE CHECK...
    local file=${TEST_RESULTS:-$root/build/test/results.json} found=$1 check numbers
    shift
    [ -e "$file" ] || { person "scripts/test at commit $commit ends in \"0 failed\" (there is no $file)" && return; }
    body=$(<"$file") status=200
    same_commit "$(value .commit)" ||
        { person "scripts/test at commit $commit ends in \"0 failed\" ($file is of $(value .commit))" && return; }
    got 200 .clean || { person "scripts/test in a clean tree (that of $file was not)" && return; }
    for check in "$@"; do
        numbers=$(value ".checks[\"$check\"] | \"\(.passed) passed, \(.failed) failed\"")
        got 200 ".checks | has(\"$check\")" || { person "scripts/test runs \"$check\", which is not in $file" && return; }
        got 200 ".checks[\"$check\"] | .passed > 0 and .failed == 0" || { failed "$check: $numbers" && return; }
        found+="; $check: $numbers"
    done
    ticked "$found ($(value .time))"
}

results_unit() { results "CUnit, with gcovr's 90 % of lines instead of pytest's" unit coverage; }
results_black_box() { results "pytest against the real programs" black-box host; }
results_lint() { results "instead of flake8, black, isort" formatting shellcheck yamllint codespell cppcheck clang-tidy; }
results_types() { results "instead of MyPy: gcc and clang, warnings are errors, and sanitizers" "build plainly" "build with clang" "build with sanitizers"; }
results_degradation() { results "with Redis stopped, hanging and full (tests/fault): refusals at once, then recovery" black-box; }
# Not run where there is no tag before this commit: the first release has nothing to go back to.
results_rollback() { results "what one version writes the other reads" rollback; }

# There are no Python packages: the libraries are Debian's, and Debian says what is vulnerable in them.
results_dependencies() {
    person "instead of safety: apt-get update && apt-get -s upgrade, in the image or on the host, lists no security update of libfcgi0ldbl, libhiredis0.14, libjson-c5, libjwt0, libgsl27, libcurl4, libssl3, libev4, nginx, redis-server"
}

git_clean() {
    local head changes
    head=$(git -C "$root" rev-parse HEAD 2>/dev/null) ||
        { person "git status in the tree of commit $commit (this is no git tree)" && return; }
    same_commit "$head" || { person "git status in the tree of commit $commit (this one is at ${head:0:12})" && return; }
    changes=$(git -C "$root" status --porcelain | head -n 1)
    if [ -z "$changes" ]; then ticked "clean at ${head:0:12}, the deployed commit"; else failed "$changes"; fi
}

# ---- the image ----

# Sets body to what the container tool knows of the image.
image() { # HINT
    local tool name=${IMAGE-}
    if [ -z "$name" ] && cluster; then
        name=$(kube get deployment mastery-engine -o json 2>/dev/null | jq -r '.spec.template.spec.containers[] | select(.name == "app").image' 2>/dev/null)
    fi
    [ -n "$name" ] || { person "$1; with IMAGE this looks itself" && return 1; }
    for tool in podman docker; do
        body=$($tool image inspect "$name" 2>/dev/null) || continue
        status=200 asked="$tool image inspect $name" body=$(value '.[0]')
        return 0
    done
    person "$1 (neither podman nor docker here has $name)"
    return 1
}

image_builds() {
    image "docker build . ends without errors" || return
    local revision
    revision=$(value '.Config.Labels["org.opencontainers.image.revision"] // ""')
    if same_commit "$revision"; then ticked "$asked: built from ${revision:0:12}"; else failed "$asked: built from ${revision:-no labelled commit}"; fi
}

image_size() {
    image "docker images: under 250 MB" || return
    kube_says '.Size < 250000000' '"\(.Size / 1000000 | floor) MB"'
}

dockerfile() {
    [ -e "$root/Dockerfile" ] || { person "the Dockerfile $1 (it is not in $root)" && return 1; }
}

image_stages() {
    dockerfile "has more than one FROM" || return
    stages=$(grep -ci '^FROM ' "$root/Dockerfile")
    if [ "$stages" -ge 2 ]; then ticked "Dockerfile: $stages stages"; else failed "Dockerfile: $stages stage"; fi
}

image_user() {
    local user
    if [ -n "${IMAGE-}" ] || cluster; then
        image "the image's user is not root" || return
        kube_says '.Config.User | . != "" and . != null and (test("^(root|0)(:|$)") | not)' '"user \(.Config.User)"'
        return
    fi
    dockerfile "ends with a USER other than root" || return
    user=$(awk 'toupper($1) == "USER" { user = $2 } END { print user }' "$root/Dockerfile")
    if [[ -n $user && ! $user =~ ^(root|0)(:|$) ]]; then ticked "Dockerfile: USER $user"; else failed "Dockerfile: USER \"$user\""; fi
}

image_healthcheck() {
    dockerfile "has a HEALTHCHECK" || return
    if grep -q '^HEALTHCHECK .*CMD' <(sed -e ':a' -e '/\\$/{N;s/\\\n//;ba}' "$root/Dockerfile"); then
        ticked "Dockerfile: $(sed -n 's/^\(HEALTHCHECK.*\)/\1/p' "$root/Dockerfile" | head -n 1)"
    else
        failed "the Dockerfile has no HEALTHCHECK"
    fi
}

# ---- load tests ----

# What scripts/load has left for so many users.
load() { # USERS FILTER EVIDENCE-FILTER
    local file=${LOAD_RESULTS:-$root/build/load}/users-$1.json
    [ -e "$file" ] || { person "scripts/load --users $1 $url (there is no $file)" && return; }
    body=$(<"$file") status=200 asked="scripts/load --users $1"
    same_commit "$(value .commit)" || { person "scripts/load --users $1 $url ($file is of commit $(value .commit))" && return; }
    kube_says "$2" "$3"
}
load_users() { load 50 '.users == 50 and .requests > 0' '"\(.users) users, \(.requests) requests in \(.seconds) s"'; }
load_throughput() { load 50 '.requests_per_second > 100' '"\(.requests_per_second) requests a second"'; }
load_errors() { load 50 '.error_share < 0.001' '"\(.errors) errors: \(.error_share)"'; }
load_latency() { load 50 '.p95_ms < 200' '"P95 \(.p95_ms) ms"'; }
load_degrades() { load 200 '.users == 200 and .graceful' '"\(.users) users, \(.statuses | to_entries | map("\(.key): \(.value)") | join(", "))"'; }
load_breakers() { load 200 '.breakers | length > 0' '.breakers | to_entries | map("\(.key) \(.value)") | join(", ")'; }
load_recovers() { load 200 '.recovered' '"after it \(.recovery.requests) requests, P95 \(.recovery.p95_ms) ms, \(.recovery.errors) errors"'; }

# ---- records and pages ----

recorded() { # version|commit|time|operator
    local -A values=([version]=$version [commit]=$commit [time]=$began [operator]=$operator)
    if [ -z "$report" ]; then
        person "docs/deployment-record.md, filled in: $1 ${values[$1]:-unknown}; --report FILE.md writes it"
    elif [ -n "${values[$1]}" ]; then
        ticked "$1 ${values[$1]}, in $report"
    else
        failed "the $1 is not known"
    fi
}

page_there() { # NAME
    local place
    for place in "$root/docs/$1" "$parts/../../docs/$1" "/usr/share/doc/mastery-engine/$1" "/usr/share/doc/mastery-engine/$1.gz"; do
        [ -s "$place" ] && ticked "${place#"$root/"}" && return
    done
    person "docs/$1 of version $version says what is needed here"
}

# ---- what comes next: said of the boxes above ----

smoke_tests() {
    local bad
    bad=$(awk -F '\t' '$1 ~ /^(health|api)\./ && $4 == "failed" { print $1 }' "$work/results" | tr '\n' ' ')
    if [ -z "$bad" ]; then ticked "this run: no box of health and API has failed"; else failed "this run: $bad"; fi
}

incident() {
    local n
    n=$(outcomes failed)
    if [ "$n" = 0 ]; then ticked "no check has failed"; else person "$n checks failed: create the incident (docs/escalation.md)"; fi
}
