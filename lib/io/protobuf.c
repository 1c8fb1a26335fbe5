/* SPDX-License-Identifier: Apache-2.0 */
#include "io/protobuf.h"

#include <string.h>

#include "base/error.h"

/* ---- reading ---- */

sbi_pb_reader sbi_pb_open(sbi_pb_span message, const char *what)
{
    static const unsigned char none[1];
    const unsigned char *data = message.data ? message.data : none;
    return (sbi_pb_reader){data, data + message.size, what};
}

sbi_status sbi_pb_varint(sbi_pb_reader *r, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->at == r->end) return sbi_fail(SBI_ERR_FORMAT, "%s: cut off inside a number", r->what);
        const unsigned char byte = *r->at++;
        if (shift == 63 && byte > 1) break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return SBI_OK;
    }
    return sbi_fail(SBI_ERR_FORMAT, "%s: a number of more than 64 bits", r->what);
}

static sbi_status fixed(sbi_pb_reader *r, size_t size, uint64_t *value)
{
    if ((size_t)(r->end - r->at) < size) return sbi_fail(SBI_ERR_FORMAT, "%s: cut off inside a number", r->what);
    *value = 0;
    for (size_t i = 0; i < size; i++) *value |= (uint64_t)r->at[i] << (8 * i);
    r->at += size;
    return SBI_OK;
}

sbi_status sbi_pb_next(sbi_pb_reader *r, sbi_pb_field *field, int *more)
{
    memset(field, 0, sizeof *field);
    *more = r->at < r->end;
    if (!*more) return SBI_OK;
    uint64_t tag;
    SBI_TRY(sbi_pb_varint(r, &tag));
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return sbi_fail(SBI_ERR_FORMAT, "%s: field number %llu", r->what, (unsigned long long)(tag >> 3));
    field->number = (uint32_t)(tag >> 3);
    field->type = (uint32_t)(tag & 7);
    switch (field->type) {
    case SBI_PB_VARINT: return sbi_pb_varint(r, &field->value);
    case SBI_PB_FIXED64: return fixed(r, 8, &field->value);
    case SBI_PB_FIXED32: return fixed(r, 4, &field->value);
    case SBI_PB_BYTES: break;
    default: return sbi_fail(SBI_ERR_FORMAT, "%s: field %u has wire type %u", r->what, field->number, field->type);
    }
    uint64_t size;
    SBI_TRY(sbi_pb_varint(r, &size));
    if (size > (size_t)(r->end - r->at))
        return sbi_fail(SBI_ERR_FORMAT, "%s: field %u claims %llu bytes, %zu are left", r->what, field->number,
                        (unsigned long long)size, (size_t)(r->end - r->at));
    field->bytes = (sbi_pb_span){r->at, (size_t)size};
    r->at += size;
    return SBI_OK;
}

sbi_status sbi_pb_expect(const sbi_pb_field *field, uint32_t type, const char *what)
{
    if (field->type == type) return SBI_OK;
    return sbi_fail(SBI_ERR_FORMAT, "%s: field %u has wire type %u, expected %u", what, field->number, field->type, type);
}

/* ---- writing ---- */

void sbi_pb_add_varint(sbi_text *t, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    do {
        bytes[n] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        n++;
        value >>= 7;
    } while (value);
    sbi_text_add(t, bytes, n);
}

static void add_tag(sbi_text *t, uint32_t number, uint32_t type)
{
    sbi_pb_add_varint(t, (uint64_t)number << 3 | type);
}

void sbi_pb_add_int(sbi_text *t, uint32_t number, int64_t value)
{
    add_tag(t, number, SBI_PB_VARINT);
    sbi_pb_add_varint(t, (uint64_t)value);
}

void sbi_pb_add_head(sbi_text *t, uint32_t number, uint64_t size)
{
    add_tag(t, number, SBI_PB_BYTES);
    sbi_pb_add_varint(t, size);
}

void sbi_pb_add_bytes(sbi_text *t, uint32_t number, const void *data, size_t size)
{
    sbi_pb_add_head(t, number, size);
    sbi_text_add(t, data, size);
}

void sbi_pb_add_string(sbi_text *t, uint32_t number, const char *text)
{
    sbi_pb_add_bytes(t, number, text, strlen(text));
}

void sbi_pb_add_float(sbi_text *t, uint32_t number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(bits >> (8 * i));
    add_tag(t, number, SBI_PB_FIXED32);
    sbi_text_add(t, bytes, sizeof bytes);
}
