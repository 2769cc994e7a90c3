# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # die does not return; the scripts share their variables
# The processes of a running engine, each with a process group of its own and a file in run/ that holds its
# process id and start time: the kernel may have given an id alone to another process since.

processes=(nginx pool worker redis) # in the order in which they are stopped

# State and start time (clock ticks since boot) of a process; fails when there is none.
process_state() { # PID
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name, in brackets, may hold any character; the fields after it are numbers 3 and up.
    read -ra stat <<<"${stat##*) }"
    echo "${stat[0]} ${stat[19]}"
}

write_pid_file() { # NAME PID
    local state
    state=$(process_state "$2") && echo "$2 ${state#* }" >"$STATE_DIR/run/$1.pid"
}

# Prints the id of a process that runs.
running_pid() { # NAME
    local pid started state
    { read -r pid started <"$STATE_DIR/run/$1.pid"; } 2>/dev/null || return 1
    state=$(process_state "$pid") || return 1
    [ "${state#* }" = "$started" ] && [ "${state% *}" != Z ] && echo "$pid"
}

# Starts a process in a session of its own, so that Ctrl-C reaches this script alone and the whole group can
# be killed.
launch() { # NAME COMMAND...
    local name=$1
    shift
    MASTERY_STATE_OF=$STATE_DIR setsid "$@" </dev/null >>"$STATE_DIR/log/$name.log" 2>&1 &
    write_pid_file "$name" $!
    disown $!
}

await_end() { # NAME SECONDS
    local tries=$(($2 * 20))
    while running_pid "$1" >/dev/null; do
        ((tries-- > 0)) || return 1
        sleep 0.05
    done
}

stop_process() { # NAME SIGNAL SECONDS
    local pid
    pid=$(running_pid "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null
    # A second time: a child that multiwatch has just forked loses the signal that is passed on.
    await_end "$1" 2 || kill -s "$2" "$pid" 2>/dev/null
    if ! await_end "$1" "$3"; then
        say "$1 has not ended within $3 s: killing its process group"
        kill -s KILL -- "-$pid" 2>/dev/null
        await_end "$1" 2
    fi
}

# Kills processes whose parent was killed: launch has put the state folder into their environment.
kill_orphans() {
    local file
    grep -lsxzF -e "MASTERY_STATE_OF=$STATE_DIR" /proc/[0-9]*/environ | while read -r file; do
        kill -s KILL "${file//[!0-9]/}" 2>/dev/null
    done
}

# nginx first, so that no request meets a pool or store that has stopped; Redis last.
stop_all() {
    stop_process nginx QUIT 5
    stop_process pool TERM 25
    stop_process worker TERM 15
    stop_process redis TERM 15
    # A Redis that was started by hand with this configuration after the first had been killed.
    redis-cli -s "$STATE_DIR/run/redis.sock" shutdown >/dev/null 2>&1 || :
    kill_orphans
    remove_run_folder
}

fail_with_log() { # NAME MESSAGE
    say "$2; the last lines of $STATE_DIR/log/$1.log:"
    tail -n 15 "$STATE_DIR/log/$1.log" | sed 's/^/  /' >&2
    exit 1
}

start_redis() {
    local tries=200
    sed -e "s|@SOCKET@|$run/redis.sock|" -e "s|@DIR@|$STATE_DIR/redis|" \
        -e "s|@APPENDFSYNC@|$APPENDFSYNC|" "$root/conf/redis/redis.conf" >"$STATE_DIR/redis/redis.conf"
    launch redis redis-server "$STATE_DIR/redis/redis.conf"
    until redis-cli -s "$run/redis.sock" ping 2>/dev/null | grep -qx PONG; do
        running_pid redis >/dev/null && ((tries-- > 0)) || fail_with_log redis "Redis does not start"
        sleep 0.05
    done
}

start_pool() {
    launch pool "$root/scripts/spawn-pool" "$run/engine.sock" "$POOL_SIZE" "$BIN_DIR/mastery-fcgi"
}

start_worker() {
    [ ! -x "$BIN_DIR/mastery-worker" ] || launch worker "$BIN_DIR/mastery-worker"
}

# Fails when another program has bound a port since choose_ports.
start_nginx() {
    local tries=100
    FCGI_SOCKET=$run/engine.sock NGINX_RUNTIME_DIR=$STATE_DIR/nginx/run NGINX_USER=$(id -un) \
        ACCESS_LOG=$STATE_DIR/log/access.log ERROR_LOG=stderr MASTERY_CTL=$BIN_DIR/mastery-ctl \
        "$root/scripts/render-nginx" "$STATE_DIR/nginx/conf" || exit 1
    rm -f "$STATE_DIR/nginx/run/nginx.pid"
    : >"$STATE_DIR/log/nginx.log"
    launch nginx nginx -e stderr -p "$STATE_DIR/nginx" -c "$STATE_DIR/nginx/conf/nginx.conf" \
        -g 'daemon off;'
    until [ -s "$STATE_DIR/nginx/run/nginx.pid" ]; do
        if grep -q 'Address already in use' "$STATE_DIR/log/nginx.log"; then
            stop_process nginx TERM 2
            return 1
        fi
        running_pid nginx >/dev/null && ((tries-- > 0)) || fail_with_log nginx "nginx does not start"
        sleep 0.05
    done
}
