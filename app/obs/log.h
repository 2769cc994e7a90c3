/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: JSON lines to one file descriptor, collected and written once a turn, never blocking.
 * When the reader stalls, lines are dropped and counted; the count is logged when it reads again.
 * A line is begun, filled through the writer, and ended; nothing else may log in between.
 *
 *     struct jw *w = log_begin(log, LOG_WARNING, "store.away");
 *     jw_text(w, "reason", reason);
 *     log_end(log);
 *
 * Every line has time, level, event, service and pid. Text of clients goes in only through jw_str
 * (escaped), ids only as log_hash, tokens and secrets never. */
#ifndef OBS_LOG_H
#define OBS_LOG_H

#include "app/base/json_write.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log;

enum { LOG_HASH_SIZE = 17 };

/* Reopens fd so that O_NONBLOCK stays ours alone (a pipe is shared with other processes); lines
 * reach a pipe in pieces of whole lines no larger than PIPE_BUF, so processes never mix theirs.
 * program: "mastery-fcgi". min_level by name (config). NULL without memory. */
struct log *log_open(int fd, const char *program, const char *min_level);
void log_close(struct log *log); /* flushes first; takes NULL */
bool log_enabled(const struct log *log, enum log_level level);
/* NULL never: a line below the level, or without room, is written into the void. event is a literal
 * of ours. A line of more than PIPE_BUF bytes keeps no fields of its own but "cut":true. */
struct jw *log_begin(struct log *log, enum log_level level, const char *event);
void log_end(struct log *log);
void log_flush(struct log *log);
uint64_t log_dropped(const struct log *log);

/* The keyed hash that stands for an id: 16 hex digits of HMAC-SHA-256. Until a key is set it is a
 * random one: hashes then cannot be guessed, but agree with no other process's. */
void log_set_key(struct log *log, struct str key);
void log_hash(struct log *log, struct str id, char ret_text[LOG_HASH_SIZE]);

#endif
