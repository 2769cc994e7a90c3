/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsing of the parts of a request that HTTP defines: method names, Accept, media types (RFC
 * 9110). */
#include "app/http/request.h"

static const char *const http_method_names[HTTP_METHODS] = {
    [GET] = "GET",       [HEAD] = "HEAD",       [POST] = "POST",          [PUT] = "PUT",
    [DELETE] = "DELETE", [OPTIONS] = "OPTIONS", [OTHER_METHOD] = "OTHER",
};

enum http_method http_method_of(struct str name)
{
    for (int i = 0; i < OTHER_METHOD; i++) {
        if (str_equal(name, str_of(http_method_names[i])))
            return (enum http_method)i;
    }
    return OTHER_METHOD;
}

const char *http_method_name(enum http_method method)
{
    return http_method_names[method];
}

/* Returns the value of the parameter q (quality) of a media type in an Accept header; 1 when it has
 * no q. A q that is not a number from 0 to 1 counts as 0, which means that the media type is not
 * accepted. */
static double accept_quality_of(struct str parameters)
{
    double q = 1;

    while (parameters.n > 0) {
        struct str value = str_trim(str_cut(&parameters, ';')), name = str_cut(&value, '=');

        if (str_equal_nocase(name, STR("q")) && !(str_to_double(value, &q) && q >= 0 && q <= 1))
            q = 0;
    }
    return q;
}

/* Examines each media type of the header; when it lists one twice, the higher q counts. Wildcards
 * (an asterisk as a type) are ignored. */
double http_accept_quality(struct str accept, struct str media_type)
{
    double best = 0;

    while (accept.n > 0) {
        struct str parameters = str_cut(&accept, ','), type = str_trim(str_cut(&parameters, ';'));
        double q = str_equal_nocase(type, media_type) ? accept_quality_of(parameters) : 0;

        best = q > best ? q : best;
    }
    return best;
}

bool http_media_type_is(struct str content_type, struct str media_type)
{
    return str_equal_nocase(str_trim(str_cut(&content_type, ';')), media_type);
}
