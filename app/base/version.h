/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Version and commit of this build. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define SERVICE_NAME "mastery-engine"

extern const char *const build_version; /* version as in 0.1.0 */
extern const char *const build_commit;  /* short hash of the commit, or "unknown" */

#endif
