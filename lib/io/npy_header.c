/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/npy.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
/* Real headers have some hundred bytes; version 2.0 exists for structured types with many fields. */
#define LARGEST_HEADER (1u << 20)

/* A cursor over the header's Python dict literal. */
typedef struct cursor {
    const char *p, *end;
    const char *name;
} cursor;

static sbi_status malformed(const cursor *c, const char *what)
{
    return sbi_fail(SBI_ERR_FORMAT, "%s: npy header: %s", c->name, what);
}

static void skip_space(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n')) c->p++;
}

static int accept(cursor *c, char wanted)
{
    skip_space(c);
    if (c->p >= c->end || *c->p != wanted) return 0;
    c->p++;
    return 1;
}

static sbi_status parse_string(cursor *c, char *out, size_t capacity)
{
    skip_space(c);
    if (c->p >= c->end || (*c->p != '\'' && *c->p != '"')) return malformed(c, "a string was expected");
    char quote = *c->p++;
    size_t n = 0;
    while (c->p < c->end && *c->p != quote) {
        if (n + 1 >= capacity) return malformed(c, "a string is too long");
        out[n++] = *c->p++;
    }
    if (c->p >= c->end) return malformed(c, "a string does not end");
    c->p++;
    out[n] = '\0';
    return SBI_OK;
}

static sbi_status parse_bool(cursor *c, int32_t *out)
{
    skip_space(c);
    size_t left = (size_t)(c->end - c->p);
    if (left >= 4 && memcmp(c->p, "True", 4) == 0) {
        *out = 1;
        c->p += 4;
    } else if (left >= 5 && memcmp(c->p, "False", 5) == 0) {
        *out = 0;
        c->p += 5;
    } else {
        return malformed(c, "fortran_order is neither True nor False");
    }
    return SBI_OK;
}

static sbi_status parse_shape(cursor *c, sbi_npy_header *h)
{
    if (!accept(c, '(')) return malformed(c, "shape is not a tuple");
    h->ndim = 0;
    while (!accept(c, ')')) {
        skip_space(c);
        if (c->p >= c->end || *c->p < '0' || *c->p > '9') return malformed(c, "shape: a number was expected");
        int64_t value = 0;
        while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
            if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *c->p - '0', &value))
                return malformed(c, "shape: a number is too large");
            c->p++;
        }
        if (c->p < c->end && *c->p == 'L') c->p++; /* written by Python 2 */
        if (h->ndim == SBI_ARRAY_MAX_DIMS)
            return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: more than %d dimensions", c->name, SBI_ARRAY_MAX_DIMS);
        h->shape[h->ndim++] = value;
        if (!accept(c, ',')) {
            if (!accept(c, ')')) return malformed(c, "shape: a comma or parenthesis was expected");
            break;
        }
    }
    return SBI_OK;
}

static const struct {
    char code[3];
    int32_t dtype;
} dtype_codes[] = {{"f2", SBI_F16}, {"f4", SBI_F32}, {"f8", SBI_F64}, {"i1", SBI_I8},  {"i2", SBI_I16}, {"i4", SBI_I32},
                   {"i8", SBI_I64}, {"u1", SBI_U8},  {"u2", SBI_U16}, {"u4", SBI_U32}, {"u8", SBI_U64}, {"b1", SBI_U8}};

static sbi_status parse_descr(cursor *c, sbi_npy_header *h)
{
    skip_space(c);
    if (c->p < c->end && *c->p == '[')
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: structured types are not supported", c->name);
    char descr[16];
    SBI_TRY(parse_string(c, descr, sizeof descr));
    size_t length = strlen(descr);
    const char *code = length == 3 ? descr + 1 : descr;
    if (descr[0] == '>')
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: big-endian type '%s' is not supported", c->name, descr);
    if (strcmp(code, "O") == 0 || strcmp(descr, "|O") == 0)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: Python objects ('%s') are not supported", c->name, descr);
    for (size_t i = 0; i < sizeof dtype_codes / sizeof dtype_codes[0]; i++) {
        if (strcmp(code, dtype_codes[i].code) == 0 && (length == 2 || strchr("<|=", descr[0]))) {
            h->dtype = dtype_codes[i].dtype;
            return SBI_OK;
        }
    }
    return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: element type '%s' is not supported", c->name, descr);
}

static sbi_status parse_dict(cursor *c, sbi_npy_header *h)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    int seen = 0;
    if (!accept(c, '{')) return malformed(c, "it is not a dict");
    while (!accept(c, '}')) {
        char key[32];
        SBI_TRY(parse_string(c, key, sizeof key));
        if (!accept(c, ':')) return malformed(c, "a colon was expected");
        int bit;
        if (strcmp(key, "descr") == 0) {
            bit = DESCR;
            SBI_TRY(parse_descr(c, h));
        } else if (strcmp(key, "fortran_order") == 0) {
            bit = ORDER;
            SBI_TRY(parse_bool(c, &h->fortran_order));
        } else if (strcmp(key, "shape") == 0) {
            bit = SHAPE;
            SBI_TRY(parse_shape(c, h));
        } else {
            return malformed(c, "unknown key");
        }
        if (seen & bit) return malformed(c, "a key comes twice");
        seen |= bit;
        if (!accept(c, ',')) {
            if (!accept(c, '}')) return malformed(c, "a comma or brace was expected");
            break;
        }
    }
    if (seen != (DESCR | ORDER | SHAPE)) return malformed(c, "descr, fortran_order or shape is missing");
    skip_space(c);
    if (c->p != c->end) return malformed(c, "bytes follow the dict");
    return SBI_OK;
}

sbi_status sbi_npy_header_parse(sbi_npy_header *out, const void *data, size_t size, const char *name)
{
    memset(out, 0, sizeof *out);
    const unsigned char *b = data;
    if (size < 10 || memcmp(b, MAGIC, MAGIC_SIZE) != 0) return sbi_fail(SBI_ERR_FORMAT, "%s: not a .npy file", name);
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: npy format %d.%d is not supported", name, b[6], b[7]);
    size_t start = b[6] == 1 ? 10 : 12;
    if (size < start) return sbi_fail(SBI_ERR_FORMAT, "%s: npy header: it ends early", name);
    size_t length = b[6] == 1 ? (size_t)b[8] | (size_t)b[9] << 8
                              : (size_t)b[8] | (size_t)b[9] << 8 | (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (length > LARGEST_HEADER) return sbi_fail(SBI_ERR_FORMAT, "%s: npy header of %zu bytes", name, length);
    if (size - start < length)
        return sbi_fail(SBI_ERR_FORMAT, "%s: npy header of %zu bytes, but the file has %zu", name, start + length,
                        size);
    cursor c = {(const char *)b + start, (const char *)b + start + length, name};
    SBI_TRY(parse_dict(&c, out));
    out->data_offset = start + length;
    size_t bytes = sbi_dtype_size(out->dtype);
    int empty = 0;
    for (int i = 0; i < out->ndim; i++) {
        /* Dimensions beside a zero still make strides, which must not overflow either. */
        if (out->shape[i] == 0)
            empty = 1;
        else if (__builtin_mul_overflow(bytes, (size_t)out->shape[i], &bytes) || bytes > INT64_MAX)
            return sbi_fail(SBI_ERR_FORMAT, "%s: npy header: the shape overflows", name);
    }
    out->data_size = empty ? 0 : bytes;
    return SBI_OK;
}

sbi_array sbi_npy_header_view(const sbi_npy_header *h, const void *data)
{
    sbi_array a;
    memset(&a, 0, sizeof a);
    a.data = data;
    a.dtype = h->dtype;
    a.ndim = h->ndim;
    int64_t stride = (int64_t)sbi_dtype_size(h->dtype);
    for (int k = 0; k < h->ndim; k++) {
        int i = h->fortran_order ? k : h->ndim - 1 - k;
        a.shape[i] = h->shape[i];
        a.strides[i] = stride;
        if (h->shape[i] > 0) stride *= h->shape[i];
    }
    return a;
}

static const char *dtype_code(int32_t dtype)
{
    for (size_t i = 0; i < sizeof dtype_codes / sizeof dtype_codes[0]; i++) {
        if (dtype_codes[i].dtype == dtype) return dtype_codes[i].code;
    }
    return NULL;
}

sbi_status sbi_npy_header_make(unsigned char out[SBI_NPY_HEADER_SIZE], int32_t dtype, int32_t ndim,
                               const int64_t *shape)
{
    const char *code = dtype_code(dtype);
    SBI_REQUIRE(code, "npy: %d is not an element type", (int)dtype);
    SBI_REQUIRE(ndim >= 0 && ndim <= SBI_ARRAY_MAX_DIMS, "npy: %d dimensions", (int)ndim);
    for (int i = 0; i < ndim; i++) SBI_REQUIRE(shape[i] >= 0, "npy: dimension %d is %lld", i, (long long)shape[i]);
    char text[SBI_NPY_HEADER_SIZE];
    int used = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                        sbi_dtype_size(dtype) == 1 ? '|' : '<', code);
    for (int i = 0; i < ndim && used < (int)sizeof text; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    }
    if (used < (int)sizeof text)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s), }", ndim == 1 ? "," : "");
    if (used >= SBI_NPY_HEADER_SIZE - 10 - 1) return sbi_fail(SBI_ERR_UNSUPPORTED, "npy: the shape is too long");
    memset(out, ' ', SBI_NPY_HEADER_SIZE);
    memcpy(out, MAGIC "\x01\x00", 8);
    out[8] = (unsigned char)(SBI_NPY_HEADER_SIZE - 10);
    out[9] = 0;
    memcpy(out + 10, text, (size_t)used);
    out[SBI_NPY_HEADER_SIZE - 1] = '\n';
    return SBI_OK;
}
