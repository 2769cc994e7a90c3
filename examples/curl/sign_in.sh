#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Signing in: the token goes into the header Authorization of each request. It names the user and the role, so the
# same request has another response for each token: here, the classes that this teacher may see.
set -eu
curl -sS --fail-with-body -H "Authorization: Bearer $TEACHER_TOKEN" "$BASE_URL/api/v1/cohorts"
