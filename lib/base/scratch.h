/* SPDX-License-Identifier: Apache-2.0 */
/* A file of our own that is gone with us: it has a name only for the moment in which it is opened. What a process leaves that is killed in
 * that moment is swept by the next one that opens a file in the same folder. */
#ifndef SBI_BASE_SCRATCH_H
#define SBI_BASE_SCRATCH_H

#include "sbi/context.h"

typedef struct sbi_scratch {
    int fd;       /* only while it is open */
    int32_t open; /* 1 between open and close */
    void *data;   /* once it is mapped */
    size_t size;
    int32_t reserved; /* 1: the disk has promised the space */
    int32_t reserved2_;
} sbi_scratch;

/* Opens a file of `size` bytes in a folder (NULL: $TMPDIR, or /tmp), with the space for it where the file system can promise that:
 * SBI_ERR_NO_SPACE. Folder and size are in messages. */
sbi_status sbi_scratch_open(sbi_scratch *s, sbi_context *ctx, const char *folder, size_t size);
/* Any threads at once, for different places. */
sbi_status sbi_scratch_write(const sbi_scratch *s, uint64_t offset, const void *data, size_t size);
/* Maps it for reading in no order. Nothing is written any more. */
sbi_status sbi_scratch_map(sbi_scratch *s);
/* Zeroed is fine. */
void sbi_scratch_close(sbi_scratch *s);

/* Asks the system to bring bytes of the mapping soon. A hint. */
void sbi_scratch_will_need(const sbi_scratch *s, size_t offset, size_t size);

#endif
