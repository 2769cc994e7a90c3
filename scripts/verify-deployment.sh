#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the deployment verification checklist against a running deployment; --help says how.
exec python3 "$(dirname "$0")/lib/verify" "$@"
