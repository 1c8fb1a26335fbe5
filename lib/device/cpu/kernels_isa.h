/* SPDX-License-Identifier: Apache-2.0 */
/* What the *.isa.c files of the cpu device share. */
#ifndef SBI_DEVICE_CPU_KERNELS_ISA_H
#define SBI_DEVICE_CPU_KERNELS_ISA_H

#include "device/cpu/kernels.h"
#include "device/cpu/vector_math.h"

void SBI_ISA_NAME(sbi_cpu_gemm_tile)(const sbi_cpu_tile *t, float *scratch);
void SBI_ISA_NAME(sbi_cpu_pack)(const sbi_cpu_tile *t, int64_t k, float *to);
void SBI_ISA_NAME(sbi_cpu_update)(const sbi_device_update *op, int64_t first, int64_t n);

/* activation.isa.c, norm.isa.c */
void SBI_ISA_NAME(sbi_cpu_activate)(const sbi_cpu_activation *f, float *z, float *d, float *dd, const float *b, int64_t rows, int64_t columns,
                                    int64_t ld);
void SBI_ISA_NAME(sbi_cpu_drop)(const sbi_device_forward *o, float *y, float *d, float *dd, int64_t row, int64_t rows, int64_t first,
                                int64_t columns);
void SBI_ISA_NAME(sbi_cpu_normalise)(const sbi_device_forward *o, float *z, int64_t row, int64_t rows);
void SBI_ISA_NAME(sbi_cpu_norm_sums)(const sbi_device_norm_backward *o, int64_t first, int64_t columns);
void SBI_ISA_NAME(sbi_cpu_norm_rows)(const sbi_device_norm_backward *o, int64_t row, int64_t rows);

/* loss.isa.c */
void SBI_ISA_NAME(sbi_cpu_loss)(const sbi_device_loss *op, float *values, int64_t first, int64_t rows);

#endif
