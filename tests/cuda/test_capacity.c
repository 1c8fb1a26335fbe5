/* SPDX-License-Identifier: Apache-2.0 */
/* The formulas of docs/capacity.md against what cuBLAS was asked to do in the stand-in. */
#include "cuda/standin_device.h"
#include "net/network.h"
#include "sbi/sbi.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

/* Products of a step of B events through sizes n_0 ... n_L, n_L = 1: forward, gradient of the weights, gradient of the data for all layers
 * but the first; from the single output the last is an outer product, which is no product of cuBLAS. */
static int64_t flop_of_step(int64_t batch, const int64_t *n, int layers)
{
    int64_t flop = 0;
    for (int l = 0; l < layers; l++) flop += 2 * batch * n[l] * n[l + 1] * (l == 0 || n[l + 1] == 1 ? 2 : 3);
    return flop;
}

/* The operands and the result of each of these products, once. */
static int64_t bytes_of_step(int64_t batch, const int64_t *n, int layers)
{
    int64_t bytes = 0;
    for (int l = 0; l < layers; l++)
        bytes += 4 * (batch * n[l] + n[l] * n[l + 1] + batch * n[l + 1]) * (l == 0 || n[l + 1] == 1 ? 2 : 3);
    return bytes;
}

static void check(int32_t depth, int32_t width, int64_t features, int64_t batch)
{
    cuda_standin_reset(STANDIN_MEMORY, 1);
    sbi_context *ctx;
    sbi_dataset *data;
    sbi_network *net;
    gaussians g = gaussians_make(300, features, 1, 2);
    ok(sbi_context_create(&ctx, NULL));
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = depth;
    o.width = width;
    o.batch = batch; /* divides 600 */
    o.epochs = 2;
    o.validation_fraction = 0;
    o.device = "cuda";
    ok(sbi_network_train(&net, data, &o));
    int64_t n[SBI_MLP_MAX_LAYERS + 1] = {features};
    for (int l = 1; l <= depth; l++) n[l] = width;
    n[depth + 1] = 1;
    const int64_t steps = 2 * 600 / batch;
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_OPERATIONS), steps * flop_of_step(batch, n, depth + 1));
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_PRODUCT_BYTES), steps * bytes_of_step(batch, n, depth + 1));
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_PRODUCTS), steps * (3 * (depth + 1) - 2));
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    standin_check_clean();
}

START_TEST(products_of_a_step)
{
    check(2, 24, 4, 60);
    check(3, 17, 5, 100);
    check(1, 40, 8, 300);
}
END_TEST

int main(void)
{
    standin_use_plugin();
    Suite *suite = suite_create("cuda: capacity");
    TCase *c = tcase_create("all");
    tcase_add_test(c, products_of_a_step);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
