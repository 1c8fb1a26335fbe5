/* SPDX-License-Identifier: Apache-2.0 */
/* A file that is read at any place: one of this machine, or what others provide under the same contract. */
#ifndef SBI_IO_RANDOM_FILE_H
#define SBI_IO_RANDOM_FILE_H

#include "sbi/context.h"

/* Threads may call all but release and close at the same time. */
typedef struct sbi_random_file_ops {
    /* Bytes [offset, offset + size), which lie inside. */
    sbi_status (*read)(void *self, uint64_t offset, size_t size, void *out);
    /* The same, for somebody who reads them this once and keeps them: whoever has to read the whole file to know that it is right hands them out
     * on the way. NULL: reads do. */
    sbi_status (*load)(void *self, uint64_t offset, size_t size, void *out);
    /* Whether the file is what it should be; what `read` gave before may have been wrong. NULL: nothing is known of that. */
    sbi_status (*check)(void *self);
    /* These bytes will be read soon; returns at once. May be NULL. */
    void (*will_need)(void *self, uint64_t offset, size_t size);
    /* Gives back what is held between reads. May be NULL. */
    void (*release)(void *self);
    void (*close)(void *self);
} sbi_random_file_ops;

typedef struct sbi_random_file {
    const sbi_random_file_ops *ops;
    void *self;
    const char *name; /* for messages; lives as long as the file */
    uint64_t size;
} sbi_random_file;

/* A regular file. Each read finds out, afterwards, whether size or time of modification are no longer what they were when the file was opened;
 * what is written within one tick of the file system's clock after that goes unnoticed. SBI_ERR_IO with path and byte where the file has become
 * shorter, has changed or cannot be read. After release each read opens the file anew, and finds out whether it is still the same. */
sbi_status sbi_local_file_open(sbi_random_file *out, sbi_context *ctx, const char *path);

#endif
