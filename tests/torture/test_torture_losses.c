/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets with everything, every loss, networks with theta and classes: each with every allocation failing in turn. */
#include "base/error.h"
#include "sbi/ratio.h"
#include "sbi/train.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

enum { N = 12 };
static double x[N] = {1, -2, 3, 4, -5, 6, 7, -8, 9, 1, 2, 3}, theta[N] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
static double positive[N] = {1, 2, 0.5, 1, 2, 0.5, 1, 2, 0.5, 1, 2, 0.5};

static sbi_status fill(sbi_dataset *data, int32_t classes, int rich)
{
    static const char *const name[1] = {"mu"};
    const sbi_array xa = sbi_array_1d(x, SBI_F64, N), ta = sbi_array_1d(theta, SBI_F64, N), ra = sbi_array_1d(positive, SBI_F64, N);
    for (int32_t c = 0; c < classes; c++) {
        sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
        a.features = &xa;
        a.weights = &ra;
        if (rich || c == 1) a.theta = &ta;
        if (rich) {
            a.joint_ratio = &ra;
            a.score = &xa;
            a.target = &ta;
        }
        SBI_TRY(sbi_dataset_add_arrays(data, c, &a));
    }
    SBI_TRY(sbi_dataset_set_class_name(data, 0, "reference"));
    return sbi_dataset_set_parameter_names(data, name, 1);
}

static sbi_status use(sbi_ensemble *ens, int32_t loss)
{
    const double at[1] = {0.5};
    const sbi_array xa = sbi_array_1d(x, SBI_F64, N);
    double out[3 * N];
    if (loss == SBI_LOSS_REGRESSION) return sbi_network_evaluate_at(sbi_ensemble_network(ens, 0), &xa, at, 1, out);
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.theta = at;
    o.n_theta = 1;
    o.numerator = 0;
    o.denominator = 1;
    return sbi_ratio_evaluate(ens, &xa, out, NULL, &o);
}

static sbi_status train(sbi_context *ctx, void *arg)
{
    const int32_t loss = *(const int32_t *)arg;
    const int32_t classes = loss == SBI_LOSS_BCE || loss == SBI_LOSS_MULTICLASS ? 3 : 2;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 2;
    o.epochs = 1;
    o.validation_fraction = 0;
    o.loss = loss;
    o.layer_norm = 1;
    sbi_dataset *data;
    sbi_network *net = NULL;
    sbi_ensemble *ens = NULL;
    char hex[65];
    SBI_TRY(sbi_dataset_create(&data, ctx));
    sbi_status status = fill(data, classes, classes == 2);
    if (status == SBI_OK) status = sbi_dataset_checksum(data, hex);
    if (status == SBI_OK) status = sbi_network_train(&net, data, &o);
    if (status == SBI_OK) status = sbi_ensemble_create(&ens, ctx, &net, 1);
    if (status == SBI_OK) status = use(ens, loss);
    sbi_ensemble_destroy(ens);
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    int32_t loss = _i;
    ck_assert_int_gt(torture_allocations(train, &loss, 1, _i % 2).requests, 60);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("losses: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_allocation_may_fail, SBI_LOSS_BCE, SBI_LOSS_CASCAL + 1);
    suite_add_tcase(s, t);
    return run_suite(s);
}
