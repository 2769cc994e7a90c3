/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/version.h"

#include <build_commit.h>
#include <config.h>

const char *const build_version = PACKAGE_VERSION;
const char *const build_commit = BUILD_COMMIT;
