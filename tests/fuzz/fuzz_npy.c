/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a .npy file: the header parses or not, and a view that fits its data can be read to the end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/column.h"
#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbi_npy_header h;
    if (sbi_npy_header_parse(&h, data, size, "fuzz.npy") != SBI_OK) return 0;
    if (h.data_offset > size) abort();
    if (size - h.data_offset < h.data_size) return 0;
    sbi_array a = sbi_npy_header_view(&h, data + h.data_offset);
    if (sbi_column_check_shape(&a, a.ndim, "fuzz") != SBI_OK) abort();
    if (a.ndim < 1 || a.ndim > 2 || h.data_size > 1 << 20) return 0;
    int64_t columns = a.ndim == 2 ? a.shape[1] : 1;
    if (a.shape[0] == 0 || columns == 0) return 0;
    float *out = malloc((size_t)(a.shape[0] * columns) * sizeof *out);
    if (!out) return 0;
    if (a.ndim == 2)
        sbi_rows_read_f32(&a, 0, a.shape[0], out);
    else
        sbi_column_read_f32(&a, 0, a.shape[0], out);
    free(out);
    return 0;
}
