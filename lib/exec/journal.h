/* SPDX-License-Identifier: Apache-2.0 */
/* An append-only text file of records, each checked together with all before it.
 *
 * A line is 16 hex digits, a space, and the record's fields, separated by spaces, with everything but printable ASCII
 * (and %) percent-encoded. The digits are the first of SHA-256(digest of the line before || fields), so a line that was
 * changed, removed or moved is found. Numbers are integers: no locale gets in the way. */
#ifndef SBI_EXEC_JOURNAL_H
#define SBI_EXEC_JOURNAL_H

#include "base/text.h"

typedef struct sbi_journal {
    sbi_context *ctx;
    char *path;
    int fd; /* -1: nothing is written (in memory, or read only) */
    unsigned char digest[32];
    uint64_t size;   /* of the whole lines in the file */
    sbi_text buffer; /* lines not yet written */
    sbi_text line;   /* scratch */
    int unsynced;
} sbi_journal;

/* Fields of a line being read; next_* return false where the line has ended or the field is malformed. */
typedef struct sbi_journal_fields {
    sbi_context *ctx;
    char *at;
} sbi_journal_fields;
const char *sbi_journal_next_word(sbi_journal_fields *f); /* NULL at the end */
int sbi_journal_next_i64(sbi_journal_fields *f, int64_t low, int64_t high, int64_t *value);
int sbi_journal_next_u64(sbi_journal_fields *f, uint64_t *value);
/* Decodes in place; the bytes are followed by a NUL and live as long as the line. */
int sbi_journal_next_bytes(sbi_journal_fields *f, char **data, size_t *size);

/* Called for each record of the file. A status other than SBI_OK ends the reading; the message gets file and line. */
typedef sbi_status (*sbi_journal_replay)(void *user, sbi_journal_fields *fields);

/* Opens `path`, or with path NULL a journal that is written nowhere. What is there is replayed; a last line without its
 * newline was cut off by a crash: it is dropped with a warning, and overwritten unless read_only. Other damage gives
 * SBI_ERR_FORMAT naming the line. */
sbi_status sbi_journal_open(sbi_journal *j, sbi_context *ctx, const char *path, int read_only, sbi_journal_replay replay,
                            void *user);
void sbi_journal_close(sbi_journal *j);

/* Building a record: begin, fields, end. Nothing is in the file before sbi_journal_flush(). */
void sbi_journal_begin(sbi_journal *j, const char *kind);
void sbi_journal_add_i64(sbi_journal *j, int64_t value);
void sbi_journal_add_u64(sbi_journal *j, uint64_t value);
void sbi_journal_add_bytes(sbi_journal *j, const void *data, size_t size);
void sbi_journal_add_text(sbi_journal *j, const char *text);
sbi_status sbi_journal_end(sbi_journal *j);

/* Writes what was built, and with `sync` makes everything durable. After a failure (a full disk) the file ends with a whole
 * line, and the records wait for the next flush. */
sbi_status sbi_journal_flush(sbi_journal *j, int sync);

#endif
