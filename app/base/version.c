/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The version and commit of this build. build_commit.h is made by make at each build, config.h by
 * configure. */
#include "app/base/version.h"

#include <build_commit.h>
#include <config.h>

const char *const build_version = PACKAGE_VERSION;
const char *const build_commit = BUILD_COMMIT;
