/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/http/request.h"

static const char *const names[HTTP_METHODS] = {
    [GET] = "GET",       [HEAD] = "HEAD",       [POST] = "POST",          [PUT] = "PUT",
    [DELETE] = "DELETE", [OPTIONS] = "OPTIONS", [OTHER_METHOD] = "OTHER",
};

enum http_method http_method_of(struct str name)
{
    for (int i = 0; i < OTHER_METHOD; i++) {
        if (str_equal(name, str_of(names[i])))
            return (enum http_method)i;
    }
    return OTHER_METHOD;
}

const char *http_method_name(enum http_method method)
{
    return names[method];
}

bool http_media_type_is(struct str content_type, struct str media_type)
{
    return str_equal_nocase(str_trim(str_cut(&content_type, ';')), media_type);
}
