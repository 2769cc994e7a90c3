/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the slot of a command: the name of the command decides which argument is its key. */
#include "app/store/slots.h"

#include <stdlib.h>

/* Commands whose first argument (if any) is not a key. */
static const struct str keyless[] = {
    STR_INIT("PING"),    STR_INIT("TIME"),         STR_INIT("SCAN"),
    STR_INIT("SLOWLOG"), STR_INIT("BGREWRITEAOF"), STR_INIT("WAIT"),
};

/* CRC-16/XMODEM: polynomial 0x1021, initial value 0, as the specification defines it. */
static unsigned crc16(struct str text)
{
    unsigned crc = 0;

    for (size_t i = 0; i < text.n; i++) {
        crc ^= (unsigned)(unsigned char)text.p[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
        crc &= 0xffff;
    }
    return crc;
}

int slot_of_key(struct str key)
{
    struct str rest = key, tag;

    (void)str_cut(&rest, '{');
    tag = str_cut(&rest, '}');
    /* The text between the braces counts if it is not empty, and if the key has more after it,
     * which is at least the closing brace. */
    if (tag.n > 0 && tag.p + tag.n < key.p + key.n)
        key = tag;
    return (int)(crc16(key) % SLOTS);
}

/* Returns the slot of the first key of an XREAD, which follows the word STREAMS; SLOT_NONE without
 * it. */
static int slot_of_streams(const struct command *command)
{
    for (int i = 1; i + 1 < command->argc; i++) {
        if (str_equal(command->argv[i], STR("STREAMS")))
            return slot_of_key(command->argv[i + 1]);
    }
    return SLOT_NONE;
}

int slot_of_command(const struct command *command)
{
    struct str name = command->argv[0]; /* of a script: its first key */

    if (command->script)
        return command->key_count > 0 ? slot_of_key(name) : SLOT_NONE;
    for (size_t i = 0; i < sizeof(keyless) / sizeof(keyless[0]); i++) {
        if (str_equal(name, keyless[i]))
            return SLOT_NONE;
    }
    if (str_equal(name, STR("XREAD")))
        return slot_of_streams(command);
    return command->argc > 1 ? slot_of_key(command->argv[1]) : SLOT_NONE;
}
