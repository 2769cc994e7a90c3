/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of a process: lines of JSON, collected in memory and written to one file descriptor by
 * log_flush without blocking. When the reader of that descriptor stalls and the memory is full,
 * lines are dropped and counted; the count is logged as soon as the reader reads again. Between
 * log_begin and log_end the caller adds fields through the JSON writer that log_begin returns. A
 * line must end before the next one begins.
 *
 *     struct jw *w = log_begin(log, LOG_WARNING, "store.away");
 *     jw_text(w, "reason", reason);
 *     log_end(log);
 *
 * Every line has time, level, event, service, program and pid. Text from clients is written with
 * jw_str, which escapes it. An id is written only as its log_hash. Tokens and secrets are never
 * written. */
#ifndef OBS_LOG_H
#define OBS_LOG_H

#include "app/base/json_write.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log;

/* Bytes of a log_hash (16 digits and NUL) and of the text of a MAC (64 digits and NUL). */
enum { LOG_HASH_SIZE = 17, LOG_MAC_SIZE = 65 };

/* Opens a log that writes to fd. Never closes fd, and does not set O_NONBLOCK on it, because other
 * processes may share it. Several processes may log to the same pipe without mixing their lines.
 * program: value of the field `program`, such as "mastery-fcgi". min_level: name of the lowest
 * level that is logged, as in the setting LOG_LEVEL; an unknown name or NULL counts as "info".
 * Returns NULL on failure. */
struct log *log_open(int fd, const char *program, const char *min_level);
void log_close(struct log *log); /* writes the lines that remain; NULL is allowed */
/* Returns whether lines of this level are logged. */
bool log_enabled(const struct log *log, enum log_level level);
/* Begins a line and returns the writer for its fields, never NULL: when the level is not logged or
 * the buffer is full, the writer discards the fields. event must be a string literal, because it is
 * written without escaping. A line of more than PIPE_BUF bytes loses its fields and gets
 * "cut":true. */
struct jw *log_begin(struct log *log, enum log_level level, const char *event);
/* Adds the last field of a line, "mac": the HMAC-SHA-256, with the key of log_hash, of all bytes of
 * the line before this field and its comma. ret_mac receives the digits of the MAC; it is unchanged
 * when the line is dropped. */
void log_add_mac(struct log *log, char ret_mac[LOG_MAC_SIZE]);
/* Completes the line. Nothing is written to the descriptor yet. */
void log_end(struct log *log);
/* Writes the complete lines as far as the descriptor accepts them without blocking, and logs how
 * many lines were dropped since the last such report. To be called once in each loop iteration. */
void log_flush(struct log *log);
uint64_t log_dropped(const struct log *log); /* number of lines dropped since log_open */

/* Sets the key of the HMAC that log_hash and log_add_mac make. Before the first call the key is
 * random, so that each process makes different hashes of the same id. */
void log_set_key(struct log *log, struct str key);
/* Makes the text that replaces an id in the log: the first 16 hexadecimal digits of the id's
 * HMAC-SHA-256. */
void log_hash(const struct log *log, struct str id, char ret_text[LOG_HASH_SIZE]);

#endif
