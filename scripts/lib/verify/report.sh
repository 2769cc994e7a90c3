# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# How the boxes are told: lines, JSON, and the list filled in. $work/results has a line a box:
# id, section, words, outcome, evidence, parted by tabs.

outcomes() { # ticked|failed|person: how many
    awk -F '\t' -v outcome="$1" '$4 == outcome { n++ } END { print n + 0 }' "$work/results"
}

summary() {
    echo "$(outcomes ticked) ticked, $(outcomes failed) failed, $(outcomes person) for a person"
}

shown_section=
show_box() { # SECTION WORDS
    local -A marks=([ticked]='[x]' [failed]='[!]' [person]='[ ]')
    local words=${2//\*\*/}
    [ "$1" = "$shown_section" ] || printf '\n%s\n' "$1"
    shown_section=$1
    printf '  %s %s\n      %s%s\n' "${marks[$outcome]}" "$words" "$([ "$outcome" != person ] || echo 'for a person: ')" "$evidence"
}

print_summary() {
    printf '\n%s: version %s, commit %s, %s\n%s\n' "$url" "$version" "$commit" "$began" "$(summary)"
}

print_json() {
    jq -R 'split("\t") | {id: .[0], section: .[1], box: .[2], result: .[3], evidence: .[4]}' "$work/results" |
        jq -s --arg url "$url" --arg version "$version" --arg commit "$commit" --arg environment "$environment" \
            --arg time "$began" --arg operator "$operator" '
            def count(result): map(select(.result == result)) | length;
            {url: $url, version: $version, commit: $commit, environment: $environment, time: $time, operator: $operator,
             ticked: count("ticked"), failed: count("failed"), person: count("person"), boxes: .}'
}

the_list() {
    local place
    for place in "$root/docs" "$parts"; do
        [ ! -e "$place/deployment-verification-checklist.md" ] || { cat "$place/deployment-verification-checklist.md" && return; }
    done
    say "deployment-verification-checklist.md is not there" && return 1
}

# The list's own text, its boxes ticked, its blanks filled. A row of the sign-off table is of the boxes whose id begins
# with its words below.
write_report() {
    the_list | awk -F '\t' -v results="$work/results" -v version="$version" -v commit="$commit" -v began="$began" \
        -v operator="$operator" -v environment="$environment" -v url="$url" -v run="$run_id" -v summary="$(summary)" '
        BEGIN {
            while ((getline < results) > 0) { outcome[$2, $3] = $4; evidence[$2, $3] = $5
                split($1, id, "."); total[id[1], $4]++ }
            rows = "Code Quality=code;Security=privacy limits;Configuration=config;Docker Image=image;" \
                "Kubernetes=kubernetes pods;Dapr Integration=dapr state;Health Checks=health;API Endpoints=api;" \
                "Performance=performance pool breaker;Monitoring=monitoring logs logging tracing;Load Testing=load;Security Tests=security"
            n = split(rows, row, ";")
            for (i = 1; i <= n; i++) { split(row[i], pair, "="); ids[pair[1]] = pair[2] }
        }
        function sum(words, kind,   list, i, n, all) {
            n = split(words, list, " ")
            for (i = 1; i <= n; i++) all += total[list[i], kind]
            return all + 0
        }
        function sign(name,   good, bad, left) {
            good = sum(ids[name], "ticked"); bad = sum(ids[name], "failed"); left = sum(ids[name], "person")
            return "| **" name "** | " (bad ? "☒" : left ? "☐" : "☑") " | " good " ticked, " bad " failed, " left " for a person |"
        }
        NR == 1 {
            print; print ""
            print "**Verified**: " url ", " began ", by `verify-deployment.sh` (run `" run "`): " summary
            next
        }
        /^### / { section = substr($0, 5) }
        /^\*\*(Sign-off Required|Next Actions)\*\*:$/ { section = $0; gsub(/[*:]/, "", section) }
        match($0, /^(- |[0-9]+\. )\[ \] /) {
            words = substr($0, RLENGTH + 1); o = outcome[section, words]; e = evidence[section, words]
            start = substr($0, 1, RLENGTH); if (o == "ticked") sub(/\[ \]/, "[x]", start)
            print start words " — " (o == "failed" ? "**FAILED**: " : o == "person" ? "*for a person*: " : "") e
            next
        }
        /^\| \*\*/ { name = $0; sub(/^\| \*\*/, "", name); sub(/\*\*.*/, "", name); if (name in ids) { print sign(name); next } }
        /^\*\*Deployed By\*\*: / { print "**Deployed By**: " operator; next }
        /^\*\*Date\*\*: / { print "**Date**: " began; next }
        /^\*\*Version\*\*: _/ { print "**Version**: " version " (commit " commit ")"; next }
        /^\*\*Environment\*\*: / {
            print "**Environment**: " (environment == "staging" ? "☑" : "☐") " Staging " (environment == "production" ? "☑" : "☐") " Production" \
                (environment ~ /^(staging|production)$/ ? "" : " (it says: " environment ")"); next
        }
        { print }'
}
