/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that are read leaf by leaf: the sources that a tape owns, and what a worker holds of them.
 *
 * A pass reads all columns of all its sources once a leaf, into one buffer of each worker; chunks then find their columns by
 * sbi_column_at() as they do in memory.
 */
#ifndef SBI_TAPE_SOURCE_H
#define SBI_TAPE_SOURCE_H

#include "tape/program.h"

/* What a worker has of a pass's streamed columns; empty where the pass has none. */
typedef struct sbi_stream_space {
    char *buffer;                     /* one leaf of all sources of the pass */
    sbi_tape_column_data *up, *down;  /* [factors of the pass], those of streamed morphs */
    sbi_tape_column_data *columns;    /* [columns of the tape], the streamed ones */
    int started;
} sbi_stream_space;

/* Destroys what the callbacks of a source own. */
void sbi_source_destroy(sbi_source *source);

/* Notes in a pass whose reductions are compiled which sources it reads and where their leaves lie in the buffer. */
sbi_status sbi_pass_find_sources(const sbi_tape *tape, sbi_pass *pass);

/* The columns of the tables, to be pointed into the buffer by sbi_stream_read(). */
void sbi_stream_prepare(const sbi_tape *tape, const sbi_pass *pass, sbi_stream_space *space);

/* Reads leaf `leaf` of every source of the pass; asks for the leaf `step` later, which this worker is likely to take next. */
sbi_status sbi_stream_read(const sbi_tape *tape, const sbi_pass *pass, sbi_stream_space *space, size_t leaf, size_t step);

#endif
