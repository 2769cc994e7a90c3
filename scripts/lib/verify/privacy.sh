# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # the scripts share their variables; what says failed is the end of a check
# Boxes about a student's rights (GDPR). One of the verification's own students is exported and erased.

export_complete() {
    ask admin GET "/api/v1/compliance/export/${students[1]}"
    ticked_if "$(value '.data | keys | join(", ")'); SHA-256 $(value '.integrity_hash[:16]')…" got 200 \
        ".student_id == \"${students[1]}\" and .data.current_mastery != null and (.data | [has(\"mastery_history\", \"activity\",
        \"events\", \"predictions\", \"recommendations\", \"learning_path\", \"consent_records\", \"cohorts\", \"audit_logs\")] | all)
        and (.integrity_hash | test(\"^[0-9a-f]{64}$\"))"
}

deletion_complete() {
    local deleted
    ask admin DELETE "/api/v1/compliance/student/${students[1]}"
    got 200 '.success and .status == "success"' || { failed "$(answer)" && return; }
    deleted=$(value '.deleted | to_entries | map(select(.value > 0) | "\(.value) \(.key)") | join(", ")')
    ask admin POST /api/v1/mastery/query "$(about "${students[1]}")"
    got 404 || { failed "after the deletion: $(answer)" && return; }
    ask admin GET "/api/v1/mastery/history/${students[1]}?days=90"
    ticked_if "deleted: $deleted; then the query is 404 and the history empty" got 200 '.history_count == 0'
}

# The record is made a moment later; two seconds would be long.
deletion_audited() {
    local me tries=20
    me=$(user_of "${tokens[admin]-}")
    while ask admin GET "/api/v1/compliance/audit/logs?user_id=$me&limit=100"; do
        got 200 '.logs | map(select(.action | test("eras|delete"; "i"))) | length > 0' && break
        got 200 && ((tries-- > 0)) || { failed "no record of the deletion: $(answer)" && return; }
        sleep 0.5
    done
    ticked "$(value '.logs | map(select(.action | test("eras|delete"; "i")))[0] | "\(.action) by \(.user_id) at \(.timestamp)"')"
}

redis() {
    local to
    case $REDIS_URL in
    unix://*) to=(-s "${REDIS_URL#unix://}") ;;
    *) to=(-u "$REDIS_URL") ;;
    esac
    [ -z "${REDIS_PASSWORD-}" ] || local -x REDISCLI_AUTH=$REDIS_PASSWORD
    redis-cli "${to[@]}" "$@" 2>&1
}

snapshot_expires() {
    local shard key seconds
    shard=$(printf %s "${students[0]}" | sha256 | cut -c 1-2)
    key="{$shard}:student:${students[0]}:day:$(date -u +%Y%m%d)"
    if [ -z "${REDIS_URL-}" ] || ! command -v redis-cli >/dev/null; then
        person "redis-cli TTL '{ss}:student:ID:day:YYYYMMDD' is at most 7862400 (91 days); with REDIS_URL and redis-cli this looks itself"
        return
    fi
    seconds=$(redis TTL "$key")
    if [[ $seconds =~ ^[0-9]+$ ]] && ((seconds > 0 && seconds <= 91 * 86400)); then
        ticked "a snapshot of today expires in $((seconds / 86400)) days"
    else
        failed "TTL of $key: $seconds"
    fi
}
