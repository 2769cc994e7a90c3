/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands as Redis reads them (RESP: an array of bulk strings). hiredis has the same, through its
 * printf for sds, which takes several times as long for the many short texts of ours. */
#ifndef STORE_RESP_H
#define STORE_RESP_H

#include <hiredis/sds.h>

#include "app/base/str.h"

/* Puts the command behind what is in *out. False, *out as it was, without memory. */
bool resp_append(sds *out, const struct str *argv, int argc);

#endif
