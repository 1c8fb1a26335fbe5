/* SPDX-License-Identifier: Apache-2.0 */
/* Every option of training on the CUDA device beside the cpu: 100 steps in f32 and in one of the other precisions, in turn; and every optimiser with all kinds of layers in
 * all of them. */
#include "cuda/option_cases.h"
#include "cuda/standin_device.h"
#include "support/run_suite.h"

/* docs/devices.md states these. */
static const struct {
    const char *device;
    double bound;
} precisions[] = {{"cuda", 2e-5}, {"cuda?precision=tf32", 2e-2}, {"cuda?precision=bf16", 2e-2}, {"cuda?precision=f16", 2e-2}};

static sbi_context *ctx;

static void set_up(void)
{
    cuda_standin_reset(STANDIN_MEMORY, 1);
    cuda_standin_set_order(CUDA_STANDIN_FORWARD, 1);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    standin_check_clean();
}

static void check(const option_case *c, int32_t optimiser, int p)
{
    const double far = option_distance(ctx, c, optimiser, precisions[p].device);
    printf("%s, optimiser %d, %s: outputs differ by at most %.1e\n", c->name, (int)optimiser, precisions[p].device, far);
    ck_assert_msg(far <= precisions[p].bound, "%s, optimiser %d, %s: outputs differ by %g, allowed %g", c->name, (int)optimiser,
                  precisions[p].device, far, precisions[p].bound);
    ck_assert_msg(c->unsupported || far > 0, "%s on %s: not one bit differs: was it the cpu?", c->name, precisions[p].device);
}

START_TEST(every_option)
{
    check(&option_cases[_i], SBI_OPTIMISER_NADAM, 0);
    check(&option_cases[_i], SBI_OPTIMISER_NADAM, 1 + _i % 3);
}
END_TEST

START_TEST(every_optimiser_in_every_precision_with_all_layers)
{
    const option_case all = {"all layers", OPTION_PLAIN, 0, option_layers};
    for (int p = 0; p < 4; p++) check(&all, _i, p);
}
END_TEST

int main(void)
{
    standin_use_plugin();
    Suite *suite = suite_create("cuda: options");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, every_option, 0, OPTION_CASES);
    tcase_add_loop_test(c, every_optimiser_in_every_precision_with_all_layers, SBI_OPTIMISER_ADAM, SBI_OPTIMISER_SGD + 1);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
