/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the keys that verify tokens: secrets for HS256, or public keys (public_keys.c). The
 * configuration has the secrets, and names the file of the public keys. Each error message names
 * the variable. One invalid key makes loading fail: without that key some tokens would be refused
 * later, and the reason would be hard to find. */
#include <errno.h>
#include <stdlib.h>

#include "app/auth/public_keys.h"
#include "app/auth/token_keys.h"

/* Adds the secrets of a text with one secret a line; empty lines are skipped. Returns false with a
 * message when the text is a PEM file, when a secret is too short, or when there are no secrets or
 * too many. */
static bool keys_parse_secrets(struct str text, struct token_keys *ret, char ret_error[200])
{
    /* A public key is known to everyone, so if it were a secret, everyone could sign tokens. */
    if (text.n > 0 && memmem(text.p, text.n, "-----BEGIN ", 11))
        return token_keys_fail(ret_error, "JWT_SECRET: this is a PEM file, not a secret for HS256; "
                                          "set JWT_ALGORITHM and JWT_PUBLIC_KEY_FILE");
    for (int line = 1; text.n > 0; line++) {
        struct str secret = str_trim(str_cut(&text, '\n'));
        if (secret.n == 0)
            continue;
        if (secret.n < SECRET_BYTES_MIN)
            return token_keys_fail(ret_error,
                                   "JWT_SECRET: the secret in line %d has %zu bytes, not %d", line,
                                   secret.n, SECRET_BYTES_MIN);
        if (!token_keys_add_secret(ret, secret, ret_error))
            return false;
    }
    return ret->n > 0 ||
           token_keys_fail(ret_error, "JWT_SECRET: not set, and JWT_ALGORITHM is HS256");
}

/* Reads a key file. The caller frees the text. Returns NULL with a message on failure. */
static char *keys_read_file(const char *path, const char *variable, char ret_error[200])
{
    char *text = config_read_secret_file(path);
    if (!text)
        (void)token_keys_fail(ret_error, "%s: cannot read %s: %s", variable, path,
                              errno == ENODATA ? "it is empty" : strerror(errno));
    return text;
}

/* Loads the public keys from their file. Returns false with a message in ret_error. A public key is
 * not secret, so it is not wiped. */
static bool keys_load_public(const struct config *config, struct token_keys *ret,
                             char ret_error[200])
{
    const char *path = config->jwt_public_key_file;
    if (str_of(path).n == 0)
        return token_keys_fail(ret_error, "JWT_PUBLIC_KEY_FILE: not set, and JWT_ALGORITHM is %s",
                               config->jwt_algorithm);
    char *text = keys_read_file(path, "JWT_PUBLIC_KEY_FILE", ret_error);
    bool good = text && public_keys_parse(str_of(text), config->jwt_algorithm, ret, ret_error);
    free(text);
    return good;
}

bool token_keys_by_url(const struct config *config)
{
    return str_of(config->jwt_jwks_url).n > 0 || str_of(config->oidc_issuer).n > 0;
}

/* Loads into a new set, so that *ret is unchanged on failure; the keys that were read before the
 * invalid one are then wiped. */
bool token_keys_load(const struct config *config, struct token_keys *ret, char ret_error[200])
{
    struct token_keys keys = {.n = 0};
    bool good = strcmp(config->jwt_algorithm, "HS256") == 0
                    ? keys_parse_secrets(str_of(config->jwt_secret), &keys, ret_error)
                    : keys_load_public(config, &keys, ret_error);
    if (good)
        *ret = keys;
    else
        token_keys_release(&keys);
    return good;
}
