/* SPDX-License-Identifier: Apache-2.0 */
/* Losses on the CUDA device beside the cpu; those with a score are refused by name. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "cuda/standin_device.h"
#include "sbi/ratio.h"
#include "sbi/train.h"
#include "support/run_suite.h"

enum { N = 200 };
static double x[3][N][3], theta[3][N], ratio[3][N], score[3][N], target[3][N][2];

static sbi_status train(sbi_context *ctx, int32_t loss, int32_t classes, const char *device, sbi_network **net)
{
    sbi_dataset *data;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    sbi_status status = sbi_dataset_create(&data, ctx);
    for (int32_t c = 0; c < classes && status == SBI_OK; c++) {
        const sbi_array xa = sbi_array_2d(x[c], SBI_F64, N, 3), ta = sbi_array_1d(theta[c], SBI_F64, N), ra = sbi_array_1d(ratio[c], SBI_F64, N);
        const sbi_array sa = sbi_array_1d(score[c], SBI_F64, N), ya = sbi_array_2d(target[c], SBI_F64, N, 2);
        sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
        a.features = &xa;
        a.theta = &ta;
        a.joint_ratio = &ra;
        a.score = &sa;
        a.target = &ya;
        status = sbi_dataset_add_arrays(data, c, &a);
    }
    o.depth = 2;
    o.width = 12;
    o.epochs = 3;
    o.batch = 64;
    o.loss = loss;
    o.label_smoothing = 0.125;
    o.device = device;
    *net = NULL;
    if (status == SBI_OK) status = sbi_network_train(net, data, &o);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(every_loss_of_values)
{
    static const int32_t losses[][2] = {{SBI_LOSS_BCE, 2}, {SBI_LOSS_BCE, 3}, {SBI_LOSS_MULTICLASS, 3}, {SBI_LOSS_REGRESSION, 2},
                                        {SBI_LOSS_ROLR, 2}, {SBI_LOSS_ALICE, 2}};
    static double in[N][4], out[2][3 * N];
    sbi_context *ctx;
    sbi_network *net;
    cuda_standin_reset(STANDIN_MEMORY, 2);
    cuda_standin_set_order(CUDA_STANDIN_FORWARD, 1);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    for (int32_t c = 0; c < 3; c++) {
        for (int i = 0; i < N; i++) {
            const uint64_t k = (uint64_t)i;
            for (int j = 0; j < 3; j++) x[c][i][j] = 0.5 * c + sbi_random_normal(3, (uint64_t)(c * 10 + j), k);
            theta[c][i] = sbi_random_normal(3, (uint64_t)(c * 10 + 4), k);
            ratio[c][i] = exp(0.5 * sbi_random_normal(3, (uint64_t)(c * 10 + 5), k));
            score[c][i] = theta[c][i];
            target[c][i][0] = x[c][i][0];
            target[c][i][1] = theta[c][i];
        }
    }
    for (int i = 0; i < N; i++) {
        memcpy(in[i], x[1][i], sizeof x[1][i]);
        in[i][3] = theta[1][i];
    }
    const sbi_array features = sbi_array_2d(in, SBI_F64, N, 4);
    for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) {
        int outputs = 0;
        for (int there = 0; there < 2; there++) {
            const sbi_status status = train(ctx, losses[l][0], losses[l][1], there ? "cuda" : "cpu", &net);
            ck_assert_msg(status == SBI_OK, "loss %d: %s", (int)losses[l][0], sbi_last_error());
            sbi_network_info info = {.struct_size = sizeof info};
            ck_assert_int_eq(sbi_network_info_get(net, &info), SBI_OK);
            outputs = info.outputs;
            ck_assert_int_eq(sbi_network_evaluate_all(net, &features, out[there]), SBI_OK);
            sbi_network_destroy(net);
        }
        for (int i = 0; i < N * outputs; i++)
            ck_assert_msg(fabs(out[0][i] - out[1][i]) < 2e-5 * (1 + fabs(out[0][i])), "loss %d: output %d is %g, on the cpu %g", (int)losses[l][0],
                          i, out[1][i], out[0][i]);
    }
    for (int32_t loss = SBI_LOSS_RASCAL; loss <= SBI_LOSS_CASCAL; loss++) {
        ck_assert_int_eq(train(ctx, loss, 2, "cuda", &net), SBI_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "losses with a score run on the cpu, not on \"cuda\""));
    }
    sbi_context_destroy(ctx);
    standin_check_clean();
}
END_TEST

int main(void)
{
    standin_use_plugin();
    Suite *suite = suite_create("cuda: losses");
    TCase *c = tcase_create("losses");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, every_loss_of_values);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
