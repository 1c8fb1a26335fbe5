/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the kernels for this processor. */
#include "tape/kernels/kernels.h"

extern const sbi_tape_kernels sbi_tape_kernels_base;
#if defined(__x86_64__)
extern const sbi_tape_kernels sbi_tape_kernels_avx2;
extern const sbi_tape_kernels sbi_tape_kernels_avx512;
#endif

const sbi_tape_kernels *sbi_tape_kernels_for(sbi_isa isa)
{
    if (isa != SBI_ISA_BASE && isa > sbi_isa_best()) return NULL; /* asking the processor is slow on virtual machines */
    switch (isa) {
    case SBI_ISA_BASE: return &sbi_tape_kernels_base;
#if defined(__x86_64__)
    case SBI_ISA_AVX2: return &sbi_tape_kernels_avx2;
    case SBI_ISA_AVX512: return &sbi_tape_kernels_avx512;
#endif
    default: return NULL;
    }
}
