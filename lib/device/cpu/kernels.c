/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cpu/kernels.h"

const sbi_cpu_kernels *sbi_cpu_kernels_get(sbi_isa isa)
{
#if defined(__x86_64__)
    if (isa == SBI_ISA_AVX512) return &sbi_cpu_kernels_avx512;
    if (isa == SBI_ISA_AVX2) return &sbi_cpu_kernels_avx2;
#endif
    (void)isa;
    return &sbi_cpu_kernels_base;
}
