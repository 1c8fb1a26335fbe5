/* SPDX-License-Identifier: Apache-2.0 */
/* Around each call of BLAS or LAPACK.
 *
 * OpenBLAS's single-threaded build (Debian's libopenblas0-serial 0.3.21) hands out its work buffers without a lock: two
 * threads in it at once compute wrong numbers. With that build, and only with it, these functions let one thread in at a time;
 * otherwise they do nothing. tests/unit/test_base_blas.c shows that products of many threads are right. */
#ifndef SBI_BASE_BLAS_H
#define SBI_BASE_BLAS_H

void sbi_blas_enter(void);
void sbi_blas_leave(void);

#endif
