# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # die does not return; the scripts share their variables
# The state folder of a running engine: where it is, what it keeps, the file for others to source.
#
#   env            for others: addresses, secrets, process ids (while it runs)
#   run/           sockets and pid files; a link into /tmp where the path would be too long for a socket
#   secrets/       made once, kept
#   redis/ nginx/  data and configuration
#   log/           one file a part
#   build/         the binaries, unless BIN_DIR says where they are

say() { echo "$me: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# Sets STATE_DIR to an absolute path.
find_state() {
    STATE_DIR=${STATE_DIR:-$root/.state}
    [[ $STATE_DIR == /* ]] || STATE_DIR=$PWD/$STATE_DIR
    [[ $STATE_DIR != *[!A-Za-z0-9._/+@%=,:~-]* ]] ||
        die "STATE_DIR has spaces or special characters, which the configuration files cannot take: $STATE_DIR"
    run=$STATE_DIR/run
}

make_state() {
    umask 077
    mkdir -p "$STATE_DIR"/{log,secrets,redis,nginx/run} || die "cannot write to the state folder $STATE_DIR"
    # A unix socket's path has at most 107 bytes; the longest name here is engine.sock.
    if ((${#run} > 90)); then
        run=$(mktemp -d /tmp/mastery.XXXXXX)
        ln -sfn "$run" "$STATE_DIR/run"
    else
        mkdir -p "$run"
    fi
}

remove_run_folder() {
    local target
    if [ -L "$STATE_DIR/run" ]; then
        target=$(readlink "$STATE_DIR/run")
        [[ $target != /tmp/mastery.?????? ]] || rm -rf "$target"
    fi
    rm -rf "$STATE_DIR/run" "$STATE_DIR/env"
}

# The secret of that name, made when there is none yet.
kept_secret() { # NAME
    local file=$STATE_DIR/secrets/$1
    [ -s "$file" ] || od -An -N32 -tx1 -v /dev/urandom | tr -d ' \n' >"$file"
    cat "$file"
}

# NAME='value' lines for a shell, whatever is in the values.
shell_lines() { # NAME...
    local name
    for name in "$@"; do
        printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"
    done
}
