/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys, MACs (keyed hashes) and seals of the audit log. A seal signs a list of records and the seal
 * before it; the seal's own hash is called its head. The signed text has one value per line. Values
 * have no line feeds (store/audit.h), so that two different lists of values never give the same
 * text. */
#include "app/service/audit_chain.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/base/buf.h"
#include "app/base/digest.h"
#include "app/base/ids.h"

/* ---- keys ---- */

/* Adds the key in a line of AUDIT_KEY. False, with the reason in ret_error, for a key that is too
 * short or one too many. */
static bool audit_add_key(struct audit_keys *keys, struct str secret, int line, char ret_error[200])
{
    unsigned char digest[DIGEST_SIZE];
    struct audit_key *key = &keys->v[keys->n];

    if (secret.n < AUDIT_KEY_BYTES_MIN) {
        (void)snprintf(ret_error, 200,
                       "AUDIT_KEY: the key in line %d has %zu bytes; at least %d are required",
                       line, secret.n, AUDIT_KEY_BYTES_MIN);
        return false;
    }
    if (keys->n == AUDIT_KEYS_MAX) {
        (void)snprintf(ret_error, 200, "AUDIT_KEY: has more than %d keys", AUDIT_KEYS_MAX);
        return false;
    }
    /* the id is a MAC made with the key: it identifies the key without revealing it */
    digest_hmac(secret, STR("mastery-engine audit key id"), digest);
    hex_print(digest, (AUDIT_KEY_ID_SIZE - 1) / 2, key->id);
    key->secret = secret;
    keys->n++;
    return true;
}

/* Adds the keys of a text with one key per line. Empty lines are skipped, so that a file may end
 * with one. False, with the reason in ret_error, when a key is invalid or there is none. */
static bool audit_parse_keys(struct str text, struct audit_keys *keys, char ret_error[200])
{
    for (int line = 1; text.n > 0; line++) {
        struct str secret = str_trim(str_cut(&text, '\n'));

        if (secret.n > 0 && !audit_add_key(keys, secret, line, ret_error))
            return false;
    }
    if (keys->n > 0)
        return true;
    (void)snprintf(ret_error, 200,
                   "AUDIT_KEY: not set; set it to the key that seals audit records");
    return false;
}

/* Copies the text of AUDIT_KEY, because the configuration may be replaced while the keys are used.
 */
bool audit_keys_load(const struct config *config, struct audit_keys *ret, char ret_error[200])
{
    struct audit_keys keys = {.text = strdup(config->audit_key ? config->audit_key : "")};

    if (!keys.text) {
        (void)snprintf(ret_error, 200, "AUDIT_KEY: out of memory");
        return false;
    }
    if (audit_parse_keys(str_of(keys.text), &keys, ret_error)) {
        *ret = keys;
        return true;
    }
    audit_keys_release(&keys);
    return false;
}

void audit_keys_release(struct audit_keys *keys)
{
    if (keys->text)
        explicit_bzero(keys->text, strlen(keys->text));
    free(keys->text);
    *keys = (struct audit_keys){.n = 0};
}

const struct audit_key *audit_keys_find(const struct audit_keys *keys, struct str id)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (str_equal(str_of(keys->v[i].id), id))
            return &keys->v[i];
    }
    return NULL;
}

/* Appends a value and a line feed to the text to sign. */
static void audit_add_line(struct buf *text, struct str value)
{
    buf_str(text, value);
    buf_char(text, '\n');
}

/* Signs the text with the key. ret gets the first `bytes` bytes of the HMAC as 2 * bytes
 * hexadecimal digits and NUL. False when out of memory while the text was made (text->failed). */
static bool audit_sign(const struct audit_key *key, const struct buf *text, size_t bytes, char *ret)
{
    unsigned char digest[DIGEST_SIZE];

    if (text->failed)
        return false;
    digest_hmac(key->secret, buf_view(text), digest);
    hex_print(digest, bytes, ret);
    return true;
}

/* Computes the MAC of a record. The record's id is part of the signed text, so that a record that
 * is stored again under another id does not match its MAC. */
bool audit_record_mac(struct arena *arena, const struct audit_key *key,
                      const struct audit_entry *entry, char ret[AUDIT_MAC_SIZE])
{
    struct buf text;

    buf_init(&text, arena);
    (void)buf_reserve(&text, 512); /* a failure is in text.failed */
    audit_add_line(&text, entry->id);
    for (int i = 0; i < AUDIT_FIELDS; i++)
        audit_add_line(&text, entry->v[i]);
    return audit_sign(key, &text, (AUDIT_MAC_SIZE - 1) / 2, ret);
}

/* Computes the head of a seal. The shard is part of the signed text, so that the seals of one shard
 * cannot be passed off as those of another. */
bool audit_seal_head(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct str v[SEAL_FIELDS], char ret[AUDIT_HEAD_SIZE])
{
    struct buf text;

    buf_init(&text, arena);
    buf_printf(&text, "%02x\n", shard);
    for (int i = 0; i < SEAL_HEAD; i++)
        audit_add_line(&text, v[i]);
    return audit_sign(key, &text, DIGEST_SIZE, ret);
}

/* ---- links ---- */

/* Copies a seal's texts into arrays of fixed size, so their lengths are checked: another program
 * may have written to the stream of seals. */
bool audit_link_from_seal(const struct audit_seal *seal, struct audit_link *ret)
{
    struct audit_link link;

    if (!seal->valid || !str_to_int64(seal->v[SEAL_NUMBER], 1, INT64_MAX - 1, &link.seal_number) ||
        seal->v[SEAL_HEAD].n != AUDIT_HEAD_SIZE - 1 || seal->v[SEAL_LAST].n >= STREAM_ID_SIZE)
        return false;
    (void)snprintf(link.head, sizeof(link.head), "%.*s", STR_ARG(seal->v[SEAL_HEAD]));
    (void)snprintf(link.last_record_id, sizeof(link.last_record_id), "%.*s",
                   STR_ARG(seal->v[SEAL_LAST]));
    *ret = link;
    return true;
}

/* Returns the ids and MACs of the n records of a seal, "ID MAC ID MAC …"; its p is NULL when out of
 * memory. */
static struct str audit_list_macs(struct arena *arena, const struct audit_key *key,
                                  const struct audit_entry *entries, size_t n)
{
    struct buf list;
    char mac[AUDIT_MAC_SIZE];

    buf_init(&list, arena);
    /* 50: about the length of an id and a MAC; a failure to reserve is in list.failed */
    (void)buf_reserve(&list, n * 50);
    for (size_t i = 0; i < n; i++) {
        if (!audit_record_mac(arena, key, &entries[i], mac))
            return (struct str){0};
        if (i > 0)
            buf_char(&list, ' ');
        buf_str(&list, entries[i].id);
        buf_char(&list, ' ');
        buf_text(&list, mac);
    }
    return list.failed ? (struct str){0} : buf_view(&list);
}

/* Makes the values of the next seal. The head is made last, because it covers all other values
 * (those before SEAL_HEAD). */
bool audit_seal_next(struct arena *arena, const struct audit_key *key, unsigned shard,
                     const struct audit_link *link, const struct audit_entry *entries, size_t n,
                     struct str ret_v[SEAL_FIELDS], struct audit_link *ret_link)
{
    struct audit_link next = {.seal_number = link->seal_number + 1};

    ret_v[SEAL_NUMBER] = arena_printf(arena, "%lld", (long long)next.seal_number);
    ret_v[SEAL_PREVIOUS_HEAD] = arena_copy(arena, str_of(link->head));
    ret_v[SEAL_PREVIOUS_LAST] = arena_copy(arena, str_of(link->last_record_id));
    ret_v[SEAL_FIRST] = entries[0].id;
    ret_v[SEAL_LAST] = entries[n - 1].id;
    ret_v[SEAL_COUNT] = arena_printf(arena, "%zu", n);
    ret_v[SEAL_KEY] = arena_copy(arena, str_of(key->id));
    ret_v[SEAL_MACS] = audit_list_macs(arena, key, entries, n);
    for (int i = 0; i < SEAL_HEAD; i++) {
        if (!ret_v[i].p)
            return false;
    }
    if (!audit_seal_head(arena, key, shard, ret_v, next.head))
        return false;
    ret_v[SEAL_HEAD] = arena_copy(arena, str_of(next.head));
    (void)snprintf(next.last_record_id, sizeof(next.last_record_id), "%.*s",
                   STR_ARG(entries[n - 1].id));
    *ret_link = next;
    return ret_v[SEAL_HEAD].p != NULL;
}
