# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # die does not return; the scripts share their variables
# The state folder of a running engine: its place, its contents, and the file of values for others to source.
#
#   env            addresses, secrets and process ids, to source while it runs
#   run/           sockets and pid files; a link into /tmp where the path would be too long for a socket
#   secrets/       generated once
#   redis/ nginx/  data and configuration
#   log/           one file a process
#   build/         the binaries, unless BIN_DIR is set

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
        die "STATE_DIR must have no spaces or special characters, which the configuration files cannot hold: $STATE_DIR"
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

# Prints the secret of that name, which is generated when there is none yet.
stored_secret() { # NAME
    local file=$STATE_DIR/secrets/$1
    [ -s "$file" ] || od -An -N32 -tx1 -v /dev/urandom | tr -d ' \n' >"$file"
    cat "$file"
}

# Prints NAME='value' lines for a shell; the values may hold any character.
shell_lines() { # NAME...
    local name
    for name in "$@"; do
        printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"
    done
}
