/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu device with each instruction set that this processor has. */
#include "base/isa.h"
#include "contract/device_conformance.h"
#include "device/cpu/cpu.h"
#include "support/run_suite.h"

#define OPENER(suffix, ISA)                                                                                            \
    static sbi_status open_##suffix(sbi_device *out, sbi_context *ctx)                                                 \
    {                                                                                                                  \
        out->ctx = ctx;                                                                                                \
        return sbi_device_cpu_open_isa(&out->ops, &out->self, ctx, ISA);                                               \
    }
OPENER(base, SBI_ISA_BASE)
OPENER(avx2, SBI_ISA_AVX2)
OPENER(avx512, SBI_ISA_AVX512)

int main(void)
{
    static const device_under_test devices[] = {
        {"cpu, baseline", open_base, NULL, 2e-6},
                                               {"cpu, AVX2", open_avx2, NULL, 2e-6},
                                               {"cpu, AVX-512", open_avx512, NULL, 2e-6}};
    int failed = 0;
    for (int isa = 0; isa <= (int)sbi_isa_best(); isa++) {
        Suite *suite = suite_create(devices[isa].name);
        device_conformance(suite, &devices[isa]);
        failed |= run_suite(suite);
    }
    return failed;
}
