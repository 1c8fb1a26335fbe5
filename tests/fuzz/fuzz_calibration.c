/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a calibration file; one that loads maps finite numbers to finite ones, in their order where it is isotonic. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "ratio/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double at[] = {-700, -3, -0.1, 0, 0.2, 2, 10, 700};
    sbi_context *ctx;
    sbi_calibration *c;
    if (sbi_context_create(&ctx, NULL) != SBI_OK) return 0;
    if (sbi_calibration_load_memory(&c, ctx, data, size, "input") == SBI_OK) {
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            /* Knots near the largest double may leave the range of doubles; NaN must not come out of anything. */
            if (isnan(sbi_calibrate(c, at[i]))) abort();
        }
        sbi_calibration_destroy(c);
    }
    sbi_context_destroy(ctx);
    return 0;
}
