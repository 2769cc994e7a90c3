#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Checks the engine as a client would: through nginx.
#
#   health-check.sh liveness    200 from /health, within 3 s; does not depend on Redis
#   health-check.sh readiness   200 from /ready as well: Redis is reachable, no process drains
#   health-check.sh worker      the loop of the worker runs: ALIVE_FILE was changed in the last 10 s
#
#   ALIVE_FILE   as for the worker
#   HEALTH_URL   http://127.0.0.1:$PORT, and PORT is 8005
#   HEALTH_FROM  127.0.0.2, which only probes use: nginx does not limit it (RATE_LIMIT_EXEMPT), so that
#                clients at 127.0.0.1, such as a forwarded port, cannot use up the probes' limit
#
# Exit status: 0 healthy, 1 not healthy, 2 wrong usage, 3 no answer.
set -u
: "${HEALTH_URL:=http://127.0.0.1:${PORT:-8005}}" "${HEALTH_FROM:=127.0.0.2}"

case ${1-} in
liveness) exec mastery-ctl health --url "$HEALTH_URL" --from "$HEALTH_FROM" --timeout 3 ;;
readiness) exec mastery-ctl health --url "$HEALTH_URL" --from "$HEALTH_FROM" --timeout 2 --ready ;;
worker)
    : "${ALIVE_FILE:?is not set}"
    changed=$(stat -c %Y "$ALIVE_FILE") || exit 3
    age=$(($(date +%s) - changed))
    [ "$age" -le 10 ] || {
        echo "health-check.sh: the worker has not changed $ALIVE_FILE for $age s" >&2
        exit 1
    }
    ;;
*)
    echo "usage: health-check.sh liveness|readiness|worker" >&2
    exit 2
    ;;
esac
