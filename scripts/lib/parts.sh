# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2034,SC2154 # die does not return; the scripts share their variables
# The parts of a running engine, each a process group of its own, known by a file of run/ with its
# process id and start time: an id alone may have become someone else's.

parts=(nginx pool worker redis) # in the order in which they end

# State and start time (clock ticks since boot) of a process; fails when there is none.
process_state() { # PID
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The name, in brackets, may hold anything; the fields behind it are numbers 3 and up.
    read -ra stat <<<"${stat##*) }"
    echo "${stat[0]} ${stat[19]}"
}

remember() { # NAME PID
    local state
    state=$(process_state "$2") && echo "$2 ${state#* }" >"$STATE_DIR/run/$1.pid"
}

# Prints the process id of a part that runs.
running() { # NAME
    local pid started state
    { read -r pid started <"$STATE_DIR/run/$1.pid"; } 2>/dev/null || return 1
    state=$(process_state "$pid") || return 1
    [ "${state#* }" = "$started" ] && [ "${state% *}" != Z ] && echo "$pid"
}

# A session of its own, so that Ctrl-C reaches this script alone, and all of it can be ended.
launch() { # NAME COMMAND...
    local name=$1
    shift
    MASTERY_PART_OF=$STATE_DIR setsid "$@" </dev/null >>"$STATE_DIR/log/$name.log" 2>&1 &
    remember "$name" $!
    disown $!
}

await_end() { # NAME SECONDS
    local tries=$(($2 * 20))
    while running "$1" >/dev/null; do
        ((tries-- > 0)) || return 1
        sleep 0.05
    done
}

end_part() { # NAME SIGNAL SECONDS
    local pid
    pid=$(running "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null
    # Once more: a child that multiwatch has just forked loses the signal that is passed on.
    await_end "$1" 2 || kill -s "$2" "$pid" 2>/dev/null
    if ! await_end "$1" "$3"; then
        say "$1 has not ended in $3 s, ending it the hard way"
        kill -s KILL -- "-$pid" 2>/dev/null
        await_end "$1" 2
    fi
}

# Whatever a part has left behind, should its first process have been killed: known by the mark that
# launch put into its environment.
end_orphans() {
    local file
    grep -lsxzF -e "MASTERY_PART_OF=$STATE_DIR" /proc/[0-9]*/environ | while read -r file; do
        kill -s KILL "${file//[!0-9]/}" 2>/dev/null
    done
}

# The front first, so that nobody is served by half of it; the store last.
end_parts() {
    end_part nginx QUIT 5
    end_part pool TERM 25
    end_part worker TERM 15
    end_part redis TERM 15
    # One that was started by hand with our configuration, after ours had been killed.
    redis-cli -s "$STATE_DIR/run/redis.sock" shutdown >/dev/null 2>&1 || :
    end_orphans
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
        running redis >/dev/null && ((tries-- > 0)) || fail_with_log redis "Redis does not start"
        sleep 0.05
    done
}

start_pool() {
    # multiwatch would give up a process that ends four times within its window, for ever: the
    # numbers are "never" and "one second". And no -s: it sends the wrong signal (version 1.0.0).
    launch pool spawn-fcgi -n -s "$run/engine.sock" -M 0660 -b 1024 -- \
        "$(command -v multiwatch)" -f "$POOL_SIZE" -r 1000000 -t 1000 -- "$BIN_DIR/mastery-fcgi"
}

start_worker() {
    [ ! -x "$BIN_DIR/mastery-worker" ] || launch worker "$BIN_DIR/mastery-worker"
}

# False when its port was taken in the meantime.
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
            end_part nginx TERM 2
            return 1
        fi
        running nginx >/dev/null && ((tries-- > 0)) || fail_with_log nginx "nginx does not start"
        sleep 0.05
    done
}
