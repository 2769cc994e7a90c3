/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decodes percent-encoding; nothing else in the engine does. The decoded bytes may be no valid
 * text; the caller checks that (utf8_valid). */
#include "app/base/percent.h"

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes each %XX. The result may overwrite the text while it is read, because the position of
 * writing, `written`, is never after the position of reading, i. */
bool percent_decode(struct str text, bool plus_is_space, char *ret, size_t *ret_n)
{
    size_t written = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '%') {
            int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        ret[written++] = c;
    }
    *ret_n = written;
    return true;
}
