/* SPDX-License-Identifier: Apache-2.0 */
/* Declares the kernels of one instruction set; included by kernel files only. */
#ifndef SBI_TAPE_KERNELS_TABLE_H
#define SBI_TAPE_KERNELS_TABLE_H

#include "tape/kernels/kernels.h"
#include "tape/kernels/vec.h"

void SBI_ISA(sbi_tape_load)(double *out, const sbi_tape_column_data *column, int64_t first, size_t valid, size_t n);
void SBI_ISA(sbi_tape_morph)(const sbi_morph_job *job);
/* One factor in single precision: y is multiplied by g; phi and chi are written where `order` wants them. `type` is the columns'
 * element type, `range` that of their logarithms. */
void SBI_ISA(sbi_tape_factor_single)(const sbi_morph_factor *factor, const char *up, const char *down, int32_t type,
                                     int range, int order, size_t n, double *y, double *phi, double *chi);
void SBI_ISA(sbi_tape_forward)(const sbi_narrow_rows *rows, sbi_narrow_faults *faults);
void SBI_ISA(sbi_tape_reverse)(const sbi_narrow_rows *rows);
void SBI_ISA(sbi_tape_tangent)(const sbi_narrow_rows *rows);
void SBI_ISA(sbi_tape_reverse_tangent)(const sbi_narrow_rows *rows);
double SBI_ISA(sbi_tape_weighted_sum)(const double *weight, const double *x, size_t n);
void SBI_ISA(sbi_tape_mask)(double *row, const double *weight, size_t n);
void SBI_ISA(sbi_tape_product)(double *out, const double *a, const double *b, size_t n);
void SBI_ISA(sbi_tape_product2)(double *out, const double *a, const double *b, const double *c, const double *d,
                                size_t n);
void SBI_ISA(sbi_tape_dots)(const sbi_dot_job *job);
void SBI_ISA(sbi_tape_combine)(double *const *out, const double *factors, const double *const *rows, size_t n_rows,
                               size_t m, size_t n);
void SBI_ISA(sbi_tape_mix)(double *const *out, const double *const *m, const double *const *rows, size_t w, size_t n);
void SBI_ISA(sbi_tape_mix_differences)(double *const *out, const double *const *m, double *const *rows, const double *reference,
                                       size_t w, size_t n);
void SBI_ISA(sbi_tape_function)(int32_t op, int order, const double *x, double *y, double *d1, double *d2, size_t n);
/* lgamma, digamma, trigamma. */
void SBI_ISA(sbi_tape_special)(int32_t op, int order, const double *x, double *y, double *d1, double *d2, size_t n);

extern const sbi_tape_kernels SBI_ISA(sbi_tape_kernels);

#endif
