/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: JSON lines to one file descriptor, collected in memory and written by log_flush without
 * blocking. When the reader stalls, lines are dropped and counted; the count is logged when it
 * reads again. Between log_begin and log_end the caller adds fields through the writer; lines do
 * not nest.
 *
 *     struct jw *w = log_begin(log, LOG_WARNING, "store.away");
 *     jw_text(w, "reason", reason);
 *     log_end(log);
 *
 * Every line has time, level, event, service, program and pid. Text from clients is written with
 * jw_str (escaped), ids only as log_hash, tokens and secrets never. */
#ifndef OBS_LOG_H
#define OBS_LOG_H

#include "app/base/json_write.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log;

enum { LOG_HASH_SIZE = 17 };

/* Does not close fd, and does not set O_NONBLOCK for the processes that share it. Several processes
 * may log to the same pipe: their lines do not mix. program: "mastery-fcgi". min_level: a name, as
 * in LOG_LEVEL. NULL on failure. */
struct log *log_open(int fd, const char *program, const char *min_level);
void log_close(struct log *log); /* flushes first; NULL is allowed */
bool log_enabled(const struct log *log, enum log_level level);
/* Never returns NULL: the fields of a line below the level, or without room, are discarded. event:
 * a string literal, written without escaping. A line of more than PIPE_BUF bytes loses its fields
 * and gets "cut":true. */
struct jw *log_begin(struct log *log, enum log_level level, const char *event);
void log_end(struct log *log);
void log_flush(struct log *log);
uint64_t log_dropped(const struct log *log); /* lines since log_open */

/* log_hash makes the text that replaces an id in the log: 16 hexadecimal digits of an HMAC-SHA-256.
 * Until log_set_key the key is random, and the hashes differ from those of every other process. */
void log_set_key(struct log *log, struct str key);
void log_hash(struct log *log, struct str id, char ret_text[LOG_HASH_SIZE]);

#endif
