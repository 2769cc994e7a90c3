#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Checks that the engine has started: /health is 200. It prints the dependencies, but they do not change the
# exit status: to kill a pod because Redis starts later is of no use, and the readiness probe keeps requests
# away until then.
#
#   k8s-startup-probe.sh            checks once, as the kubelet's probe
#   k8s-startup-probe.sh SECONDS    checks until it has started, for so long at most
#
# Exit status: 0 started, 1 not started, 2 wrong usage.
set -u
scripts=$(dirname "$0")
tries=${1:-0}
case $tries in
*[!0-9]* | ?????*)
    echo "usage: k8s-startup-probe.sh [SECONDS]" >&2
    exit 2
    ;;
esac

until output=$("$scripts/health-check.sh" liveness); do
    tries=$((tries - 1))
    if [ "$tries" -lt 0 ]; then
        echo "$output"
        exit 1
    fi
    sleep 1
done
"$scripts/health-check.sh" readiness || :
exit 0
