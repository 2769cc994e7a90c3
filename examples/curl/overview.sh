#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A class for its teacher: the three students who need attention most, each with the reasons.
set -eu
curl -sS --fail-with-body -H "Authorization: Bearer $TEACHER_TOKEN" \
    "$BASE_URL/api/v1/cohorts/demo-class/overview?sort=attention&limit=3"
