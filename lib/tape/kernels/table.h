/* SPDX-License-Identifier: Apache-2.0 */
/* Declares the kernels of one instruction set; included by kernel files only. */
#ifndef SBI_TAPE_KERNELS_TABLE_H
#define SBI_TAPE_KERNELS_TABLE_H

#include "tape/kernels/kernels.h"
#include "tape/kernels/vec.h"

void SBI_ISA(sbi_tape_load)(double *out, const sbi_tape_column_data *column, int64_t first, size_t valid, size_t n);
void SBI_ISA(sbi_tape_morph)(const sbi_morph_job *job);
/* Factors that are computed together, in double or single precision: y is multiplied by all g; phi and chi are written where `order`
 * wants them. */
typedef struct sbi_factor_group {
    const sbi_morph_factor *factor[SBI_FACTOR_GROUP];
    const char *up[SBI_FACTOR_GROUP], *down[SBI_FACTOR_GROUP]; /* elements of `type` (vec.h) */
    const char *next[2 * SBI_FACTOR_GROUP]; /* what will be read after these, element by element: to be on its way by then */
    double *phi[SBI_FACTOR_GROUP], *chi[SBI_FACTOR_GROUP];
    int32_t type, range;
} sbi_factor_group;
/* A little with each event vector, since a burst of requests would keep everything else waiting. Long pieces into the first-level
 * cache; short ones, which at a distance of a page all want the same few places of it, into the second. */
SBI_INLINE void prefetch_next(const sbi_factor_group *group, size_t element, size_t count, int type)
{
#pragma GCC unroll 8
    for (int j = 0; j < 2 * SBI_FACTOR_GROUP; j++)
        for (size_t byte = 0; byte < count * read_size[type]; byte += 64) {
            const char *p = (const char *)((uintptr_t)(group->next[j] + element * read_size[type] + byte) & ~(uintptr_t)127);
            if (type == SBI_READ_F64)
                __builtin_prefetch(p, 0, 3);
            else
                __builtin_prefetch(p, 0, 2);
        }
}
void SBI_ISA(sbi_tape_factors)(const sbi_factor_group *group, int order, size_t n, double *y);
void SBI_ISA(sbi_tape_factors_single)(const sbi_factor_group *group, int order, size_t n, double *y);
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
