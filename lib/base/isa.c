/* SPDX-License-Identifier: Apache-2.0 */
#include "base/isa.h"

sbi_isa sbi_isa_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
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
    return isa < SBI_ISA_COUNT ? names[isa] : "unknown";
}
