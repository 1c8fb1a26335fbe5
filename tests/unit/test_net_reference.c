/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of every activation and trajectories of every optimiser, against PyTorch (tests/reference/torch_net.py).
 * One step of gradient descent with rate 1 shows the gradient. */
#include "torch_start.h"

static const double *history_of(const sbi_network *net, int epochs)
{
    sbi_array history;
    train_ok(sbi_network_history(net, &history));
    ck_assert_int_eq(history.shape[0], epochs);
    return history.data;
}

static void check_gradient(int32_t activation, double loss, const double *gradient)
{
    sbi_train_options o = options_of();
    o.activation = activation;
    o.optimiser = SBI_OPTIMISER_SGD;
    o.beta1 = 0;
    o.learning_rate = 1;
    o.epochs = 1;
    sbi_network *net = train_from_start(&o, torch_first);
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
    sbi_network *net = train_from_start(o, torch_first);
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
