/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides from which URLs the engine may fetch what it will trust. */
#ifndef BASE_HTTPS_URL_H
#define BASE_HTTPS_URL_H

#include "app/base/str.h"

/* Checks a URL whose content will be trusted. It must begin with https://, or, for a host of this
 * machine (localhost, 127.0.0.1, [::1]) and for any host when permit_http is true, with http://.
 * Returns NULL when the URL may be used, else what is wrong with it. */
const char *https_url_error(struct str url, bool permit_http);

#endif
