# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the scripts share their variables
# Requests to the deployment, with tokens of the verification's own users.

base64url() { base64 -w 0 | tr '+/' '-_' | tr -d =; }

# Bytes of a hexadecimal text.
bytes() {
    # shellcheck disable=SC2001,SC2059 # the escapes are the point
    printf "$(sed 's/../\\x&/g' <<<"$1")"
}

sha256() { sha256sum | cut -c 1-64; }

# HMAC-SHA-256 (RFC 2104) of standard input, in bytes. openssl would want the key as an argument, for
# all to see.
hmac() { # KEY
    local key inner='' outer='' byte i
    key=$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')
    [ ${#key} -le 128 ] || key=$(bytes "$key" | sha256)
    while [ ${#key} -lt 128 ]; do key+=00; done
    for ((i = 0; i < 128; i += 2)); do
        printf -v byte %02x $((0x${key:i:2} ^ 0x36))
        inner+=$byte
        printf -v byte %02x $((0x${key:i:2} ^ 0x5c))
        outer+=$byte
    done
    bytes "$({ bytes "$outer" && bytes "$({ bytes "$inner" && cat; } | sha256)"; } | sha256)"
}

signing_secret() {
    local secret=${JWT_SECRET-}
    [ -z "${JWT_SECRET_FILE-}" ] || secret=$(<"$JWT_SECRET_FILE")
    printf %s "${secret%%$'\n'*}"
}

make_token() { # USER ROLE; for an hour, by the first secret
    local now signed
    now=$(date +%s)
    signed=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url).$(
        jq -cn --arg sub "$1" --arg role "$2" --argjson now "$now" \
            --arg iss "${JWT_ISSUER-}" --arg aud "${JWT_AUDIENCE-}" \
            '{sub: $sub, role: $role, iat: $now, exp: ($now + 3600)} +
             (if $iss != "" then {iss: $iss} else {} end) + (if $aud != "" then {aud: $aud} else {} end)' |
            tr -d '\n' | base64url
    )
    printf %s "$signed.$(printf %s "$signed" | hmac "$(signing_secret)" | base64url)"
}

user_of() { # TOKEN: its sub
    local claims=${1#*.}
    claims=$(tr -- '-_' '+/' <<<"${claims%%.*}")
    while ((${#claims} % 4)); do claims+='='; done
    base64 -d <<<"$claims" 2>/dev/null | jq -r '.sub // ""' 2>/dev/null
}

# Users of this run alone, so that its requests use up nobody's limit. Without the secret the tokens
# are those that were given.
find_tokens() {
    local secret
    secret=$(signing_secret)
    declare -gA tokens=([none]='' [bad]=not.a.token [admin]=${ADMIN_TOKEN-} [teacher]=${TEACHER_TOKEN-}
        [student]=${STUDENT_TOKEN-})
    own_student=$(user_of "${tokens[student]}")
    if [ -n "$secret" ]; then
        own_student=${run_id}_a
        tokens[admin]=$(make_token "${run_id}_admin" admin)
        tokens[teacher]=$(make_token "${run_id}_teacher" teacher)
        tokens[student]=$(make_token "$own_student" student)
        tokens[limited]=$(make_token "${run_id}_limited" admin)
        tokens[bad]=${tokens[admin]%?????}AAAAA
    fi
    own_teacher=$(user_of "${tokens[teacher]}")
}

# One request, whatever comes back: sets status, body and milliseconds; headers stand in $work/headers.
send() { # WHO METHOD PATH [BODY] [OPTION OF CURL...]
    local who=$1 method=$2 path=$3 content=${4-} said
    # shellcheck disable=SC2054 # curl's own list
    local arguments=(--silent --show-error --max-time 20 --noproxy 127.0.0.1,localhost,::1 --request "$method"
        --dump-header "$work/headers" --output "$work/body" --write-out '%{http_code} %{time_total}')
    shift $(($# < 4 ? $# : 4))
    asked="$method $path"
    [ -z "${tokens[$who]-}" ] || arguments+=(--header "@$work/as-$who")
    [ -z "$content" ] || arguments+=(--header 'Content-Type: application/json' --data-binary "$content")
    : >"$work/headers"
    : >"$work/body"
    said=$(curl "${arguments[@]}" "$@" "${address:-$url}$path" 2>"$work/error") || said="000 0"
    status=${said% *}
    milliseconds=$(awk -v s="${said#* }" 'BEGIN { printf "%d", s * 1000 + 0.5 }')
    body=$(tr -d '\0' <"$work/body")
}

# The same, but a limit that others have used up is waited for.
ask() { # WHO METHOD PATH [BODY] [OPTION OF CURL...]
    local tries=5 pause
    while send "$@" && [ "$status" = 429 ] && ((tries-- > 0)); do
        pause=$(header Retry-After)
        [[ $pause =~ ^[0-9]{1,2}$ ]] || pause=2
        sleep "$pause"
    done
}

header() { # NAME: its value in the last answer
    tr -d '\r' <"$work/headers" | awk -v name="$1" -F ': ' 'tolower($1) == tolower(name) { print substr($0, length($1) + 3); exit }'
}

# Whether the last answer has this status and, as JSON, makes the filter true.
got() { # STATUS [FILTER OF JQ]
    [ "$status" = "$1" ] && { [ $# = 1 ] || jq -e "$2" <<<"$body" >/dev/null 2>&1; }
}

value() { # FILTER OF JQ: from the last answer
    jq -r "$1" <<<"$body" 2>/dev/null
}

# The last answer in a line, for a failure's evidence.
answer() {
    local text=${body//[$'\n\t|']/ }
    if [ "$status" = 000 ]; then
        echo "$asked: no answer, $(head -n 1 "$work/error")"
    else
        echo "$asked: $status ${text:0:160}"
    fi
}

# curl reads headers from files: an argument would show the token to everybody on the machine.
write_token_files() {
    local who
    for who in "${!tokens[@]}"; do
        [ -z "${tokens[$who]}" ] || printf 'Authorization: Bearer %s\n' "${tokens[$who]}" >"$work/as-$who"
    done
}
