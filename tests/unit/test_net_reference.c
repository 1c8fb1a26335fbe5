/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of every activation and trajectories of every optimiser, against PyTorch (tests/reference/torch_net.py).
 * One step of gradient descent with rate 1 then shows the gradient. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/train.h"
#include "reference/torch_net_values.h"
#include "support/folder.h"
#include "support/run_suite.h"
#include "unit/train_from.h"

static sbi_context *ctx;
static sbi_dataset *data;
static test_folder folder;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_dataset_create(&data, ctx), SBI_OK);
    const int64_t n0 = TORCH_DENOMINATORS, n1 = TORCH_EVENTS - TORCH_DENOMINATORS;
    const sbi_array x0 = sbi_array_2d(torch_x, SBI_F64, n0, TORCH_FEATURES), w0 = sbi_array_1d(torch_w, SBI_F64, n0);
    const sbi_array x1 = sbi_array_2d(torch_x + n0 * TORCH_FEATURES, SBI_F64, n1, TORCH_FEATURES);
    const sbi_array w1 = sbi_array_1d(torch_w + n0, SBI_F64, n1);
    ck_assert_int_eq(sbi_dataset_add_array(data, SBI_DENOMINATOR, &x0, &w0), SBI_OK);
    ck_assert_int_eq(sbi_dataset_add_array(data, SBI_NUMERATOR, &x1, &w1), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static sbi_train_options options_of(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = TORCH_DEPTH;
    o.width = TORCH_WIDTH;
    o.batch = TORCH_EVENTS;
    o.validation_fraction = 0;
    o.standardise = SBI_STANDARDISE_NONE;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    return o;
}

/* The reference's order of parameters in the library's flat array. */
static void spread(const sbi_mlp *mlp, const double *from, float *to)
{
    size_t k = 0;
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l] * mlp->size[l + 1]; i++) to[mlp->w[l] + i] = (float)from[k++];
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l + 1]; i++) to[mlp->b[l] + i] = (float)from[k++];
    ck_assert_int_eq((int64_t)k, mlp->parameters);
}

static sbi_network *train_from(const sbi_train_options *options, const double *first)
{
    sbi_mlp mlp = {.layers = TORCH_DEPTH + 1, .activation = options->activation, .size = {TORCH_FEATURES}};
    for (int l = 1; l <= TORCH_DEPTH; l++) mlp.size[l] = TORCH_WIDTH;
    mlp.size[TORCH_DEPTH + 1] = 1;
    ok(sbi_mlp_finish(&mlp));
    float params[512] = {0};
    ck_assert_int_le(mlp.n, 512);
    spread(&mlp, first, params);
    return train_from_params(ctx, data, options, &folder, params, mlp.n);
}

static const double *history_of(const sbi_network *net, int epochs)
{
    sbi_array history;
    ok(sbi_network_history(net, &history));
    ck_assert_int_eq(history.shape[0], epochs);
    return history.data;
}

static void near(double x, double expected, double tolerance, const char *what, size_t index)
{
    ck_assert_msg(fabs(x - expected) <= tolerance * (1 + fabs(expected)), "%s[%zu] is %.9g, expected %.9g", what, index, x,
                  expected);
}

static void check_gradient(int32_t activation, double loss, const double *gradient)
{
    sbi_train_options o = options_of();
    o.activation = activation;
    o.optimiser = SBI_OPTIMISER_SGD;
    o.beta1 = 0;
    o.learning_rate = 1;
    o.epochs = 1;
    sbi_network *net = train_from(&o, torch_first);
    near(history_of(net, 1)[1], loss, 1e-6, "loss", 0);
    const sbi_mlp *mlp = &net->mlp;
    float first[512] = {0}, expected[512] = {0};
    spread(mlp, torch_first, first);
    spread(mlp, gradient, expected);
    double norm = 0;
    for (int64_t k = 0; k < mlp->n; k++) {
        near((double)first[k] - (double)net->params[k], (double)expected[k], 1e-6, sbi_activation_name(activation), (size_t)k);
        norm += (double)expected[k] * (double)expected[k];
    }
    near(history_of(net, 1)[4], sqrt(norm), 1e-6, "norm", 0);
    sbi_network_destroy(net);
}

START_TEST(gradients)
{
    check_gradient(SBI_ACTIVATION_SILU, torch_loss_silu[0], torch_gradient_silu);
    check_gradient(SBI_ACTIVATION_RELU, torch_loss_relu[0], torch_gradient_relu);
    check_gradient(SBI_ACTIVATION_LEAKY_RELU, torch_loss_leaky_relu[0], torch_gradient_leaky_relu);
    check_gradient(SBI_ACTIVATION_TANH, torch_loss_tanh[0], torch_gradient_tanh);
    check_gradient(SBI_ACTIVATION_GELU, torch_loss_gelu[0], torch_gradient_gelu);
    check_gradient(SBI_ACTIVATION_SOFTPLUS, torch_loss_softplus[0], torch_gradient_softplus);
}
END_TEST

static void check_trajectory(const sbi_train_options *o, const double *losses, const double *last, const char *name)
{
    sbi_network *net = train_from(o, torch_first);
    const double *history = history_of(net, TORCH_STEPS);
    for (size_t s = 0; s < TORCH_STEPS; s++) near(history[5 * s + 1], losses[s], 1e-5, name, s);
    float expected[512] = {0};
    spread(&net->mlp, last, expected);
    for (int64_t k = 0; k < net->mlp.n; k++) near((double)net->params[k], (double)expected[k], 1e-5, name, (size_t)k);
    sbi_network_destroy(net);
}

START_TEST(trajectories)
{
    sbi_train_options o = options_of();
    o.epochs = TORCH_STEPS;
    o.learning_rate = 0.01;
    o.optimiser = SBI_OPTIMISER_NADAM;
    check_trajectory(&o, torch_losses_nadam, torch_last_nadam, "nadam");
    o.optimiser = SBI_OPTIMISER_ADAM;
    check_trajectory(&o, torch_losses_adam, torch_last_adam, "adam");
    o.optimiser = SBI_OPTIMISER_ADAMW;
    o.weight_decay = 0.5;
    check_trajectory(&o, torch_losses_adamw, torch_last_adamw, "adamw");
    o.optimiser = SBI_OPTIMISER_SGD;
    o.learning_rate = 0.05;
    o.weight_decay = 0.1;
    check_trajectory(&o, torch_losses_sgd, torch_last_sgd, "sgd");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: PyTorch");
    TCase *c = tcase_create("reference");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, gradients);
    tcase_add_test(c, trajectories);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
