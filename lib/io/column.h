/* SPDX-License-Identifier: Apache-2.0 */
/* Reading columns and rows of any element type and stride as f64 or f32, and finding values that are not allowed. */
#ifndef SBI_IO_COLUMN_H
#define SBI_IO_COLUMN_H

#include "sbi/array.h"

/* Elements [first, first + n) of a one-dimensional view. The range must lie inside. */
void sbi_column_read_f64(const sbi_array *a, int64_t first, int64_t n, double *out);
void sbi_column_read_f32(const sbi_array *a, int64_t first, int64_t n, float *out);

/* Rows [first, first + n) of a two-dimensional view, C-contiguous in `out` [n, shape[1]]. */
void sbi_rows_read_f32(const sbi_array *a, int64_t first, int64_t n, float *out);

/* SBI_ERR_SHAPE unless `a` has ndim dimensions (1 or 2), a known type and data. */
sbi_status sbi_column_check_shape(const sbi_array *a, int32_t ndim, const char *name);

/* SBI_ERR_VALUE with "NAME: row 17: value is NaN" (or "row 17, column 3") at the first NaN or infinity; for a
 * two-dimensional view in row order. Runs on the context's threads; SBI_ERR_CANCELLED if the caller asks to stop. */
sbi_status sbi_column_check_finite(sbi_context *ctx, const sbi_array *a, const char *name);

/* One value, converted. */
double sbi_element_f64(const void *p, int32_t dtype);
/* IEEE binary16 to binary32. */
float sbi_half_to_float(uint16_t half);
/* Binary64 to binary16, to nearest, ties to even, rounded once; overflow gives infinity. */
uint16_t sbi_half_from_double(double x);

#endif
