/* SPDX-License-Identifier: Apache-2.0 */
/* What the *.isa.c files of the cpu device share. */
#ifndef SBI_DEVICE_CPU_KERNELS_ISA_H
#define SBI_DEVICE_CPU_KERNELS_ISA_H

#include "device/cpu/kernels.h"
#include "device/cpu/vector_math.h"

void SBI_ISA_NAME(sbi_cpu_gemm_tile)(const sbi_cpu_tile *t, float *scratch);
void SBI_ISA_NAME(sbi_cpu_update)(const sbi_device_update *op, int64_t first, int64_t n);

#endif
