/* SPDX-License-Identifier: Apache-2.0 */
/* TensorProto: shape, and elements from raw_data or the typed fields. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "net/onnx.h"

int sbi_onnx_is(sbi_pb_span name, const char *text)
{
    const size_t n = strlen(text);
    return name.size == n && (n == 0 || memcmp(name.data, text, n) == 0);
}

int sbi_onnx_same(sbi_pb_span a, sbi_pb_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

const char *sbi_onnx_show(sbi_pb_span name, char buffer[SBI_ONNX_SHOWN])
{
    const size_t n = name.size < SBI_ONNX_SHOWN ? name.size : SBI_ONNX_SHOWN - 1;
    for (size_t i = 0; i < n; i++) buffer[i] = (char)(name.data[i] > 0x1f && name.data[i] < 0x7f ? name.data[i] : '?');
    if (name.size > n) memcpy(buffer + n - 3, "...", 3);
    buffer[n] = '\0';
    return buffer;
}

/* How elements stand in raw_data and in the typed field. */
typedef struct element {
    int32_t type;
    uint32_t field, wire;
    size_t size, packed; /* bytes in raw_data; in a packed field, 0: varints */
} element;

static const element elements[] = {
    {SBI_ONNX_FLOAT, SBI_ONNX_TENSOR_FLOATS, SBI_PB_FIXED32, 4, 4},
    {SBI_ONNX_DOUBLE, SBI_ONNX_TENSOR_DOUBLES, SBI_PB_FIXED64, 8, 8},
    {SBI_ONNX_INT32, SBI_ONNX_TENSOR_INT32S, SBI_PB_VARINT, 4, 0},
    {SBI_ONNX_BOOL, SBI_ONNX_TENSOR_INT32S, SBI_PB_VARINT, 1, 0},
    {SBI_ONNX_INT64, SBI_ONNX_TENSOR_INT64S, SBI_PB_VARINT, 8, 0},
};

static const element *element_of(int32_t type)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (elements[i].type == type) return &elements[i];
    return NULL;
}

static double to_double(int32_t type, uint64_t bits)
{
    if (type == SBI_ONNX_FLOAT) {
        const uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        return (double)f;
    }
    if (type == SBI_ONNX_DOUBLE) {
        double d;
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    return type == SBI_ONNX_INT32 ? (double)(int32_t)(uint32_t)bits : (double)(int64_t)bits;
}

/* Goes over the elements; stores those that there is room for and counts them all. `out` may be NULL. */
typedef struct sink {
    double *out;
    size_t room, n;
    int32_t type;
    int32_t reserved;
} sink;

static void put(sink *s, uint64_t bits)
{
    if (s->out && s->n < s->room) s->out[s->n] = to_double(s->type, bits);
    s->n++;
}

static sbi_status put_fixed(sink *s, sbi_pb_span bytes, size_t size)
{
    if (bytes.size % size) return sbi_fail(SBI_ERR_FORMAT, "%zu bytes are no whole number of elements", bytes.size);
    if (!s->out) {
        s->n += bytes.size / size;
        return SBI_OK;
    }
    for (size_t i = 0; i < bytes.size; i += size) {
        uint64_t bits = 0;
        for (size_t k = 0; k < size; k++) bits |= (uint64_t)bytes.data[i + k] << (8 * k);
        put(s, bits);
    }
    return SBI_OK;
}

static sbi_status put_field(sink *s, const element *e, const sbi_pb_field *f)
{
    if (f->number == SBI_ONNX_TENSOR_RAW) {
        SBI_TRY(sbi_pb_expect(f, SBI_PB_BYTES, "tensor"));
        return put_fixed(s, f->bytes, e->size);
    }
    if (f->type == e->wire) {
        put(s, f->value);
        return SBI_OK;
    }
    SBI_TRY(sbi_pb_expect(f, SBI_PB_BYTES, "tensor"));
    if (e->packed) return put_fixed(s, f->bytes, e->packed);
    sbi_pb_reader packed = sbi_pb_open(f->bytes, "tensor");
    while (packed.at < packed.end) {
        uint64_t value;
        SBI_TRY(sbi_pb_varint(&packed, &value));
        put(s, value);
    }
    return SBI_OK;
}

static sbi_status put_all(sink *s, const sbi_onnx_tensor *t)
{
    const element *e = element_of(t->type);
    sbi_pb_reader r = sbi_pb_open(t->message, "tensor");
    sbi_pb_field f;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) return SBI_OK;
        if (f.number == SBI_ONNX_TENSOR_RAW || f.number == e->field) SBI_TRY(put_field(s, e, &f));
    }
}

static sbi_status add_dim(sbi_onnx_tensor *t, uint64_t value)
{
    if (t->ndim == SBI_ONNX_MAX_DIMS) return sbi_fail(SBI_ERR_UNSUPPORTED, "more than %d dimensions", SBI_ONNX_MAX_DIMS);
    if (value > INT64_MAX) return sbi_fail(SBI_ERR_FORMAT, "dimension %d is %" PRId64, (int)t->ndim, (int64_t)value);
    t->dims[t->ndim++] = (int64_t)value;
    return SBI_OK;
}

static sbi_status read_dims(sbi_onnx_tensor *t, const sbi_pb_field *f)
{
    if (f->type == SBI_PB_VARINT) return add_dim(t, f->value);
    SBI_TRY(sbi_pb_expect(f, SBI_PB_BYTES, "dims"));
    sbi_pb_reader packed = sbi_pb_open(f->bytes, "dims");
    while (packed.at < packed.end) {
        uint64_t value;
        SBI_TRY(sbi_pb_varint(&packed, &value));
        SBI_TRY(add_dim(t, value));
    }
    return SBI_OK;
}

static sbi_status read_head(sbi_onnx_tensor *t)
{
    sbi_pb_reader r = sbi_pb_open(t->message, "tensor");
    sbi_pb_field f;
    int outside = 0;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        switch (f.number) {
        case SBI_ONNX_TENSOR_DIMS: SBI_TRY(read_dims(t, &f)); break;
        case SBI_ONNX_TENSOR_TYPE:
            SBI_TRY(sbi_pb_expect(&f, SBI_PB_VARINT, "data_type"));
            t->type = f.value <= INT32_MAX ? (int32_t)f.value : -1;
            break;
        case SBI_ONNX_TENSOR_NAME:
            SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "name"));
            t->name = f.bytes;
            break;
        case SBI_ONNX_TENSOR_EXTERNAL: outside = 1; break;
        case SBI_ONNX_TENSOR_LOCATION: outside |= f.value == 1; break;
        default: break;
        }
    }
    if (outside) return sbi_fail(SBI_ERR_UNSUPPORTED, "its data are in another file (external data); export it as one file");
    if (!element_of(t->type))
        return sbi_fail(SBI_ERR_UNSUPPORTED, "data type %d, expected FLOAT (1) or DOUBLE (11)", (int)t->type);
    return SBI_OK;
}

static sbi_status check_count(sbi_onnx_tensor *t)
{
    t->count = 1;
    for (int i = 0; i < t->ndim; i++)
        if (__builtin_mul_overflow(t->count, (size_t)t->dims[i], &t->count))
            return sbi_fail(SBI_ERR_FORMAT, "its dimensions overflow");
    sink s = {.type = t->type};
    SBI_TRY(put_all(&s, t));
    if (s.n != t->count) return sbi_fail(SBI_ERR_FORMAT, "its shape has %zu elements, its data %zu", t->count, s.n);
    return SBI_OK;
}

sbi_status sbi_onnx_tensor_parse(sbi_onnx_tensor *tensor, sbi_pb_span message)
{
    char shown[SBI_ONNX_SHOWN];
    memset(tensor, 0, sizeof *tensor);
    tensor->message = message;
    sbi_status status = read_head(tensor);
    if (status == SBI_OK) status = check_count(tensor);
    return status == SBI_OK ? SBI_OK : sbi_fail_within(status, "tensor \"%s\"", sbi_onnx_show(tensor->name, shown));
}

sbi_status sbi_onnx_tensor_read(const sbi_onnx_tensor *tensor, double *out)
{
    sink s = {.out = out, .room = tensor->count, .type = tensor->type};
    return put_all(&s, tensor);
}
