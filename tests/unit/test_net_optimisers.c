/* SPDX-License-Identifier: Apache-2.0 */
/* 100 steps of each optimiser with clipping, weight decay, schedules and averages, against PyTorch (tests/reference/torch_optimisers.py);
 * averages through interruptions and for any number of threads are in test_net_train.c. */
#include "torch_start.h"

#include "reference/torch_optimisers_values.h"

static sbi_train_options options_for(const struct trajectory *t)
{
    sbi_train_options o = options_of();
    o.epochs = TRAJECTORY_STEPS;
    o.optimiser = t->optimiser;
    o.schedule = t->schedule;
    o.schedule_epochs = t->schedule_epochs;
    o.averaging = t->averaging;
    o.learning_rate = t->rate;
    o.schedule_factor = t->factor;
    o.final_rate = t->final_rate;
    o.warmup_epochs = t->warmup;
    o.min_improvement = t->threshold;
    o.clip_norm = t->clip;
    o.weight_decay = t->decay;
    o.averaging_decay = t->mix;
    o.averaging_start = t->start;
    return o;
}

START_TEST(trajectories_of_100_steps)
{
    const struct trajectory *t = &trajectories[_i];
    const sbi_train_options o = options_for(t);
    sbi_network *net = train_from_start(&o, torch_first);
    ck_assert_int_eq(net->epochs, TRAJECTORY_STEPS);
    for (size_t s = 0; s < TRAJECTORY_STEPS / TRAJECTORY_SAMPLED; s++) {
        const double *row = net->history + s * TRAJECTORY_SAMPLED * SBI_HISTORY_COLUMNS;
        near(row[1], t->losses[s], 1e-5, t->name, s);
        near(row[3] / t->rate, t->rates[s] / t->rate, 1e-12, "rate", s);
    }
    float expected[512] = {0};
    spread(&net->mlp, t->last, expected);
    for (int64_t k = 0; k < net->mlp.n; k++) near((double)net->params[k], (double)expected[k], 1e-5, t->name, (size_t)k);
    sbi_network_destroy(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: optimisers");
    TCase *c = tcase_create("trajectories");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, trajectories_of_100_steps, 0, (int)(sizeof trajectories / sizeof trajectories[0]));
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
