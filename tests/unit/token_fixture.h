/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of tokens share: one moment, two secrets, a good token, and verification that
 * checks on the way what holds for each. */
#ifndef TESTS_TOKEN_FIXTURE_H
#define TESTS_TOKEN_FIXTURE_H

#include "app/auth/token.h"
#include "tests/unit/forge.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NOW_S  INT64_C(1800000000)
#define NOW_MS (NOW_S * 1000)

extern const char secret_1[], secret_2[];
extern const char header_hs256[];
extern const char good_claims[]; /* student_001, student, for ten minutes from NOW */
extern const char not_valid[];   /* the message of all that fails before the claims */

extern struct problem last; /* what the last verification said */

struct config hs256_config(const char *secrets); /* skew 30 s, longest life 3600 s */
struct tokens *tokens_of(const struct config *config);
bool accepts_str(struct tokens *tokens, struct str token, int64_t now_ms);
bool accepts(struct tokens *tokens, const char *token, int64_t now_ms);
bool accepts_forged(struct tokens *tokens, char *token); /* at NOW; frees the token */
void expect(bool holds, const char *what);
char *hs256(const char *claims); /* a token with these, signed with secret_1 */

#endif
