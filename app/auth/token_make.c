/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes tokens for mastery-ctl, so that in development, in load tests and in emergencies a token
 * that this configuration accepts is available without the identity provider. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>
#include <openssl/pem.h>

#include "app/auth/jws.h"
#include "app/auth/token.h"
#include "app/auth/token_keys.h"
#include "app/base/role_map.h"

/* ---- claims ---- */

/* Adds a claim with a text. Adds nothing for an empty text, the value of a setting that is not set
 * (issuer, audience). */
static void claims_add_text(struct json_object *claims, const char *name, struct str value)
{
    if (value.n > 0)
        json_object_object_add(claims, name, json_object_new_string_len(value.p, (int)value.n));
}

/* Cuts the first segment off a JSON Pointer whose leading slash was removed, and copies it to ret,
 * with ~1 decoded to a slash and ~0 to ~. A segment that is too long for ret (size bytes with the
 * NUL) is cut. */
static void pointer_next(struct str *pointer, char *ret, size_t size)
{
    struct str part = str_cut(pointer, '/');
    size_t n = 0;
    for (size_t i = 0; i < part.n && n + 1 < size; i++) {
        ret[n] = part.p[i];
        if (part.p[i] == '~' && i + 1 < part.n && part.p[++i] == '1')
            ret[n] = '/';
        n++;
    }
    ret[n] = '\0';
}

/* Adds a text as the claim that a setting names: by its name or, when it begins with a slash, by a
 * JSON Pointer, whose missing objects are created. */
static void claims_add_at(struct json_object *claims, const char *setting, struct str value)
{
    struct str pointer = str_of(setting);
    char name[256];
    if (setting[0] != '/') {
        claims_add_text(claims, setting, value);
        return;
    }
    (void)str_cut(&pointer, '/');
    pointer_next(&pointer, name, sizeof(name));
    while (pointer.n > 0) {
        struct json_object *inner;
        if (!json_object_object_get_ex(claims, name, &inner)) {
            inner = json_object_new_object();
            json_object_object_add(claims, name, inner);
        }
        claims = inner;
        pointer_next(&pointer, name, sizeof(name));
    }
    claims_add_text(claims, name, value);
}

/* Returns the word that names the role in a token's claims: the name of the role, or the first
 * word for it in JWT_ROLE_MAP. Its p is NULL when the map has none. */
static struct str word_of(const struct config *config, enum role role)
{
    struct str list = str_trim(str_of(config->jwt_role_map));
    struct role_map_entry entry;
    if (list.n == 0)
        return str_of(role_names[role]);
    while (role_map_next(&list, &entry))
        if (str_equal(entry.role, str_of(role_names[role])))
            return entry.word;
    return (struct str){0};
}

/* ---- signing ---- */

/* Signs the claims with the first secret of the configuration. Returns NULL on failure; ret_error
 * then says what is wrong with the secret, or keeps the message that token_make has set before. */
static char *sign_by_secret(const struct config *config, const char *claims, char ret_error[200])
{
    struct token_keys keys;
    char *token;
    if (!token_keys_load(config, &keys, ret_error))
        return NULL;
    token = jws_sign(claims, &keys.v[0]);
    token_keys_release(&keys);
    return token;
}

/* Reads the private key; NULL with a message. A key that is protected by a password is refused: an
 * empty password is passed, so that OpenSSL does not prompt for one. */
static EVP_PKEY *read_private_key(const struct config *config, char ret_error[200])
{
    const char *path = config->jwt_private_key_file;
    char no_password[] = "", *text;
    EVP_PKEY *key;
    BIO *in;
    if (str_of(path).n == 0) {
        (void)token_keys_fail(ret_error,
                              "JWT_PRIVATE_KEY_FILE: not set, and JWT_ALGORITHM is %s; "
                              "set it, or get a token from the identity provider",
                              config->jwt_algorithm);
        return NULL;
    }
    text = config_read_secret_file(path);
    if (!text) {
        (void)token_keys_fail(ret_error, "JWT_PRIVATE_KEY_FILE: cannot read %s: %s", path,
                              errno == ENODATA ? "it is empty" : strerror(errno));
        return NULL;
    }
    in = BIO_new_mem_buf(text, /* to its NUL */ -1);
    key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, no_password) : NULL;
    BIO_free(in);
    explicit_bzero(text, strlen(text));
    free(text);
    if (!key)
        (void)token_keys_fail(ret_error,
                              "JWT_PRIVATE_KEY_FILE: %s has no private key (PEM, without "
                              "a password)",
                              path);
    return key;
}

/* Signs the claims with the private key of JWT_PRIVATE_KEY_FILE. Returns NULL on failure; ret_error
 * then says what is wrong with the key, or keeps the message that token_make has set before. */
static char *sign_by_key(const struct config *config, const char *claims, char ret_error[200])
{
    EVP_PKEY *key = read_private_key(config, ret_error);
    const char *error = key ? jws_key_error(key, config->jwt_algorithm) : NULL;
    char *token = key && !error ? jws_sign_private(claims, config->jwt_algorithm, key) : NULL;
    if (error)
        (void)token_keys_fail(ret_error, "JWT_PRIVATE_KEY_FILE: the key is %s", error);
    EVP_PKEY_free(key);
    return token;
}

/* Only the roles of users are allowed: no token gives the role of the sidecar (ROLE_SERVICE). A
 * json_object_new that fails for lack of memory makes the claim null, which verification refuses.
 */
char *token_make(const struct config *config, const char *user_id, enum role role,
                 int64_t issued_at_s, int64_t expires_at_s, char ret_error[200])
{
    bool has_role = role == ROLE_STUDENT || role == ROLE_TEACHER || role == ROLE_ADMIN;
    bool by_secret = strcmp(config->jwt_algorithm, "HS256") == 0;
    struct json_object *claims;
    const char *text;
    char *token = NULL;
    (void)token_keys_fail(ret_error, "the token could not be signed");
    if (!has_role || !id_valid(str_of(user_id)))
        return NULL;
    claims = json_object_new_object();
    claims_add_at(claims, config->jwt_subject_claim, str_of(user_id));
    claims_add_at(claims, config->jwt_role_claim, word_of(config, role));
    claims_add_text(claims, "iss", str_of(config->jwt_issuer));
    claims_add_text(claims, "aud", str_of(config->jwt_audience));
    json_object_object_add(claims, "iat", json_object_new_int64(issued_at_s));
    json_object_object_add(claims, "exp", json_object_new_int64(expires_at_s));
    text = json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN);
    if (text)
        token = by_secret ? sign_by_secret(config, text, ret_error)
                          : sign_by_key(config, text, ret_error);
    json_object_put(claims);
    return token;
}
