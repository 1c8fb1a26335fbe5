/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sbi/array.h"

size_t sbi_dtype_size(int32_t dtype)
{
    switch (dtype) {
    case SBI_I8:
    case SBI_U8: return 1;
    case SBI_F16:
    case SBI_I16:
    case SBI_U16: return 2;
    case SBI_F32:
    case SBI_I32:
    case SBI_U32: return 4;
    case SBI_F64:
    case SBI_I64:
    case SBI_U64: return 8;
    default: return 0;
    }
}

sbi_array sbi_array_1d(const void *data, int32_t dtype, int64_t n)
{
    sbi_array a;
    memset(&a, 0, sizeof a);
    a.data = data;
    a.dtype = dtype;
    a.ndim = 1;
    a.shape[0] = n;
    a.strides[0] = (int64_t)sbi_dtype_size(dtype);
    return a;
}

sbi_array sbi_array_2d(const void *data, int32_t dtype, int64_t rows, int64_t columns)
{
    sbi_array a = sbi_array_1d(data, dtype, rows);
    a.ndim = 2;
    a.shape[1] = columns;
    a.strides[1] = (int64_t)sbi_dtype_size(dtype);
    /* Whoever uses the view finds absurd shapes; here they must only not be undefined. */
    a.strides[0] = (int64_t)((uint64_t)columns * (uint64_t)a.strides[1]);
    return a;
}
