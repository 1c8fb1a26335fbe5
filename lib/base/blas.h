/* SPDX-License-Identifier: Apache-2.0 */
/* Around each call of BLAS or LAPACK.
 *
 * OpenBLAS's single-threaded build (Debian's libopenblas0-serial 0.3.21) hands out its work buffers without a lock: two
 * threads in it at once compute wrong numbers. With that build, and only with it, these functions let one thread in at a time;
 * otherwise they do nothing. tests/unit/test_base_blas.c shows that products of many threads are right. */
#ifndef SBI_BASE_BLAS_H
#define SBI_BASE_BLAS_H

#include <stdint.h>

void sbi_blas_enter(void);
void sbi_blas_leave(void);

/* The function of the loaded BLAS for products of bf16 matrices with f32 sums: "cblas_gemm_bf16bf16f32" (MKL), "cblas_sbgemm" (OpenBLAS),
 * or NULL if it has none. */
const char *sbi_blas_bf16_name(void);

/* What multiplies bf16 numbers in this processor: "AMX", "AVX-512 BF16", or NULL: nothing. */
const char *sbi_blas_bf16_processor(void);

/* C = op(A) op(B) + beta C, row-major; op(A) is m x k, op(B) is k x n. Only where there is a name. In the calling thread alone where the BLAS
 * can be told so for that thread (MKL; OpenBLAS from 0.3.27 on). */
typedef struct sbi_blas_bf16_product {
    int32_t transpose_a, transpose_b;
    int64_t m, n, k;
    const uint16_t *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    float beta;
    int32_t reserved;
} sbi_blas_bf16_product;
void sbi_blas_bf16_multiply(const sbi_blas_bf16_product *p);

#endif
