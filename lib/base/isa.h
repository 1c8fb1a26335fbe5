/* SPDX-License-Identifier: Apache-2.0 */
/* Which instruction set the kernels (files named *.isa.c) run with. They are compiled once for each of these. */
#ifndef SBI_BASE_ISA_H
#define SBI_BASE_ISA_H

typedef enum sbi_isa { SBI_ISA_BASE, SBI_ISA_AVX2, SBI_ISA_AVX512, SBI_ISA_COUNT } sbi_isa;

/* The best that this processor and operating system support. */
sbi_isa sbi_isa_best(void);
const char *sbi_isa_name(sbi_isa isa);

#endif
