#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Whether the engine has started: it answers /health. Its dependencies are told, and do not count: a
# pod that is killed because Redis is late helps nobody, and the readiness probe keeps requests away
# until then.
#
#   k8s-startup-probe.sh            looks once, as the kubelet's probe
#   k8s-startup-probe.sh SECONDS    looks until it has started, for so long at most
#
# Exit status: 0 it has started.
set -u
scripts=$(dirname "$0")
tries=${1:-0}
case $tries in
*[!0-9]* | ?????*)
    echo "usage: k8s-startup-probe.sh [SECONDS]" >&2
    exit 2
    ;;
esac

until told=$("$scripts/health-check.sh" liveness); do
    tries=$((tries - 1))
    if [ "$tries" -lt 0 ]; then
        echo "$told"
        exit 1
    fi
    sleep 1
done
"$scripts/health-check.sh" readiness || :
exit 0
