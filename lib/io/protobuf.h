/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of protocol buffers: fields, one after the other. Nothing is copied, and nothing recurses: a message inside a
 * message is a field of bytes, over which the caller opens another reader.
 * Source: protobuf.dev/programming-guides/encoding. */
#ifndef SBI_IO_PROTOBUF_H
#define SBI_IO_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "sbi/status.h"

#define SBI_PB_VARINT 0
#define SBI_PB_FIXED64 1
#define SBI_PB_BYTES 2
#define SBI_PB_FIXED32 5

/* ---- reading ---- */

typedef struct sbi_pb_span {
    const unsigned char *data;
    size_t size;
} sbi_pb_span;

typedef struct sbi_pb_reader {
    const unsigned char *at, *end;
    const char *what; /* of what this is a message, for messages */
} sbi_pb_reader;

typedef struct sbi_pb_field {
    uint32_t number;
    uint32_t type;     /* SBI_PB_... */
    uint64_t value;    /* of VARINT, FIXED64 and FIXED32: the bits */
    sbi_pb_span bytes; /* of BYTES; borrowed */
} sbi_pb_field;

sbi_pb_reader sbi_pb_open(sbi_pb_span message, const char *what);
/* The next field; *more = 0 at the end. SBI_ERR_FORMAT for what is cut off, numbers over 64 bits and groups. */
sbi_status sbi_pb_next(sbi_pb_reader *r, sbi_pb_field *field, int *more);
/* A bare varint, as packed fields hold them. */
sbi_status sbi_pb_varint(sbi_pb_reader *r, uint64_t *value);
/* SBI_ERR_FORMAT unless the field has this wire type. */
sbi_status sbi_pb_expect(const sbi_pb_field *field, uint32_t type, const char *what);

/* ---- writing: a failure to allocate is kept in the text ---- */

void sbi_pb_add_varint(sbi_text *t, uint64_t value);
void sbi_pb_add_int(sbi_text *t, uint32_t number, int64_t value);
/* The head of a field of `size` bytes, which the caller adds. */
void sbi_pb_add_head(sbi_text *t, uint32_t number, uint64_t size);
void sbi_pb_add_bytes(sbi_text *t, uint32_t number, const void *data, size_t size);
void sbi_pb_add_string(sbi_text *t, uint32_t number, const char *text);
void sbi_pb_add_float(sbi_text *t, uint32_t number, float value);

#endif
