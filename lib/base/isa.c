/* SPDX-License-Identifier: Apache-2.0 */
#include "base/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Not known to __builtin_cpu_supports() of every compiler. */
static int has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

sbi_isa sbi_isa_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") && has_f16c();
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return SBI_ISA_AVX512;
    if (avx2) return SBI_ISA_AVX2;
#endif
    return SBI_ISA_BASE;
}

const char *sbi_isa_name(sbi_isa isa)
{
    static const char *const names[SBI_ISA_COUNT] = {"base", "avx2", "avx512"};
    return (unsigned)isa < SBI_ISA_COUNT ? names[isa] : "unknown";
}
