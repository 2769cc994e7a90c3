#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Asks the engine how it is, the way a client would: through nginx.
#
#   health-check.sh liveness    200 from /health, within 3 s; never asks for Redis
#   health-check.sh readiness   200 from /ready as well: Redis is there, nothing drains
#
#   HEALTH_URL   http://127.0.0.1:$PORT, and PORT is 8005
#   HEALTH_FROM  127.0.0.2, an address of its own: nginx leaves it uncounted (RATE_LIMIT_EXEMPT), so that
#                no other use of 127.0.0.1, such as a forwarded port, can take the probes' budget
#
# Exit status: 0 all is well, 1 the engine says otherwise, 2 wrong usage, 3 no answer.
set -u
: "${HEALTH_URL:=http://127.0.0.1:${PORT:-8005}}" "${HEALTH_FROM:=127.0.0.2}"

case ${1-} in
liveness) exec mastery-ctl health --url "$HEALTH_URL" --from "$HEALTH_FROM" --timeout 3 ;;
readiness) exec mastery-ctl health --url "$HEALTH_URL" --from "$HEALTH_FROM" --timeout 2 --ready ;;
*)
    echo "usage: health-check.sh liveness|readiness" >&2
    exit 2
    ;;
esac
