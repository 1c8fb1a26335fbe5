/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu device with each instruction set that this processor has. */
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "contract/device_conformance.h"
#include "device/cpu/cpu.h"
#include "sbi/network.h"
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

/* ---- the same bits for any number of threads, also where tiles are cut otherwise and share packed operands ---- */

typedef struct layer {
    int64_t rows, in, out;
    float *x, *w, *b, *y, *d, *dz, *dx, *dw, *db;
} layer;

static float *filled(int64_t n, uint32_t seed)
{
    float *x = malloc((size_t)n * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (float)(1u << 24) - 0.5f;
    }
    return x;
}

static layer run_layer(int isa, int32_t threads, int64_t rows, int64_t in, int64_t out)
{
    layer l = {rows, in, out, filled(rows * in, 1), filled(out * in, 2), filled(out, 3), filled(rows * out, 4), filled(rows * out, 5),
               filled(rows * out, 6), filled(rows * in, 7), filled(out * in, 8), filled(out, 9)};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    sbi_context *ctx;
    const sbi_device_ops *ops;
    void *self;
    options.threads = threads;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    ck_assert_int_eq(sbi_device_cpu_open_isa(&ops, &self, ctx, isa), SBI_OK);
    const sbi_device_forward forward = {.rows = rows, .in = in, .out = out, .x = l.x, .w = l.w, .b = l.b, .y = l.y, .d = l.d,
                                        .activation = SBI_ACTIVATION_SILU};
    const sbi_device_backward backward = {.rows = rows, .in = in, .out = out, .dz = l.dz, .x = l.x, .w = l.w, .d = l.x, .dx = l.dx,
                                          .dw = l.dw, .db = l.db};
    ck_assert_int_eq(ops->forward(self, &forward), SBI_OK);
    ck_assert_int_eq(ops->backward(self, &backward), SBI_OK);
    ops->close(self);
    sbi_context_destroy(ctx);
    return l;
}

static void drop_layer(layer *l)
{
    float *all[] = {l->x, l->w, l->b, l->y, l->d, l->dz, l->dx, l->dw, l->db};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

START_TEST(bits_do_not_depend_on_threads)
{
    static const int64_t shapes[][3] = {{700, 300, 530}, {1030, 64, 64}, {520, 100, 250}, {90, 600, 20}};
    const int64_t rows = shapes[_i][0], in = shapes[_i][1], out = shapes[_i][2];
    for (int isa = 0; isa <= (int)sbi_isa_best(); isa++) {
        layer one = run_layer(isa, 1, rows, in, out);
        for (int32_t threads = 2; threads <= 17; threads += 5) {
            layer more = run_layer(isa, threads, rows, in, out);
            ck_assert_mem_eq(one.y, more.y, (size_t)(rows * out) * sizeof(float));
            ck_assert_mem_eq(one.d, more.d, (size_t)(rows * out) * sizeof(float));
            ck_assert_mem_eq(one.dx, more.dx, (size_t)(rows * in) * sizeof(float));
            ck_assert_mem_eq(one.dw, more.dw, (size_t)(out * in) * sizeof(float));
            ck_assert_mem_eq(one.db, more.db, (size_t)out * sizeof(float));
            drop_layer(&more);
        }
        drop_layer(&one);
    }
}
END_TEST

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
    Suite *suite = suite_create("cpu, threads");
    TCase *c = tcase_create("threads");
    tcase_add_loop_test(c, bits_do_not_depend_on_threads, 0, 4);
    suite_add_tcase(suite, c);
    failed |= run_suite(suite);
    return failed;
}
