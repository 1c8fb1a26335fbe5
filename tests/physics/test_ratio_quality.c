/* SPDX-License-Identifier: Apache-2.0 */
/* Learnt ratios against exact ones: normal distributions in 2 to 20 dimensions, Student's t with three degrees of freedom (heavy tails), and the signal of the
 * off-shell example against its reference. The error of ln r falls with the size of the training sample, and the ensemble is better than its members.
 *
 * SBI_RATIOS=full (`make check-ratios`) uses larger networks and samples and prints the table of docs/ratio_quality.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/offshell_higgs/simulate.h"
#include "base/random.h"
#include "sbi/ratio.h"
#include "sbi/train.h"
#include "support/run_suite.h"

enum { MEMBERS_MOST = 8, SIZES_MOST = 4 };

static sbi_context *ctx;
static int full;

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void set_up(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    ok(sbi_context_create(&ctx, &o));
    const char *text = getenv("SBI_RATIOS");
    full = text && strcmp(text, "full") == 0;
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
}

/* ---- problems ---- */

/* Events of a side with their exact ln r. */
typedef struct events {
    float *x;
    double *log_ratio;
} events;

typedef struct problem {
    const char *name;
    int d;
    void (*fill)(const struct problem *p, int side, uint64_t number, int64_t n, events *e);
    double limit; /* of the rms error of ln r in the small test, at its larger sample */
} problem;

/* Numerator: mean 1 / sqrt(d) in each variable, and width 1.15 in the first. */
static void fill_normal(const problem *p, int side, uint64_t number, int64_t n, events *e)
{
    const double mean = 1 / sqrt(p->d);
    for (int64_t i = 0; i < n; i++) {
        double l = 0;
        for (int j = 0; j < p->d; j++) {
            const double width = j == 0 ? 1.15 : 1, z = sbi_random_normal(500 + number, (uint64_t)side, (uint64_t)(i * p->d + j));
            const double x = side == SBI_NUMERATOR ? mean + width * z : z;
            e->x[i * p->d + j] = (float)x;
            l += 0.5 * x * x - 0.5 * (x - mean) * (x - mean) / (width * width) - log(width);
        }
        e->log_ratio[i] = l;
    }
}

/* Student's t with three degrees of freedom: a normal over the root of chi2 / 3. Numerator: moved by 0.7, width 1.2 in the first variable. */
static double log_t3(double x)
{
    return -2 * log1p(x * x / 3);
}

static void fill_heavy(const problem *p, int side, uint64_t number, int64_t n, events *e)
{
    for (int64_t i = 0; i < n; i++) {
        double l = 0;
        for (int j = 0; j < p->d; j++) {
            double z[4];
            for (int k = 0; k < 4; k++) z[k] = sbi_random_normal(600 + number, (uint64_t)side, (uint64_t)((i * p->d + j) * 4 + k));
            const double t = z[0] / sqrt((z[1] * z[1] + z[2] * z[2] + z[3] * z[3]) / 3);
            const double move = j == 0 ? 0.7 : 0, width = j == 0 ? 1.2 : 1, x = side == SBI_NUMERATOR ? move + width * t : t;
            e->x[i * p->d + j] = (float)x;
            l += log_t3((x - move) / width) - log(width) - log_t3(x);
        }
        e->log_ratio[i] = l;
    }
}

static void fill_offshell(const problem *p, int side, uint64_t number, int64_t n, events *e)
{
    (void)p;
    offshell_options options = OFFSHELL_OPTIONS_INIT;
    offshell_simulator *simulator;
    ck_assert_int_eq(offshell_create(&simulator, &options), SBI_OK);
    const offshell_sample sample = {
        .kind = side == SBI_NUMERATOR ? OFFSHELL_PROCESS : OFFSHELL_REFERENCE, .process = OFFSHELL_S, .number = number};
    offshell_columns columns = {.features = e->x};
    columns.ratio[OFFSHELL_S] = e->log_ratio;
    ck_assert_int_eq(offshell_fill(simulator, &sample, 0, (size_t)n, &columns), SBI_OK);
    for (int64_t i = 0; i < n; i++) e->log_ratio[i] = log(e->log_ratio[i]);
    offshell_destroy(simulator);
}

static const problem problems[] = {{"normal, 2 dimensions", 2, fill_normal, 0.12},
                                   {"normal, 5 dimensions", 5, fill_normal, 0.18},
                                   {"normal, 20 dimensions", 20, fill_normal, 0.35},
                                   {"Student's t, 3 dimensions", 3, fill_heavy, 0.25},
                                   {"off-shell signal", OFFSHELL_FEATURES, fill_offshell, 0.6}};
#define PROBLEMS (int)(sizeof problems / sizeof *problems)

static events make_events(const problem *p, int side, uint64_t number, int64_t n)
{
    events e = {malloc((size_t)(n * p->d) * sizeof(float)), malloc((size_t)n * sizeof(double))};
    ck_assert(e.x && e.log_ratio);
    p->fill(p, side, number, n, &e);
    return e;
}

static void free_events(events *e)
{
    free(e->x);
    free(e->log_ratio);
}

/* ---- errors ---- */

typedef struct quality {
    double single;   /* rms error of ln r of one member, mean over members */
    double ensemble; /* of the mean of ln r */
    double spread;   /* mean over events */
    double excess;   /* cross-entropy above that of the exact ratio */
    double normalisation;
} quality;

static double softplus(double z)
{
    return (z > 0 ? z : 0) + log1p(exp(-fabs(z)));
}

static quality judge(const problem *p, const sbi_ensemble *ens, int64_t n)
{
    quality q = {0};
    const int members = (int)sbi_ensemble_members(ens);
    double *l = malloc((size_t)n * sizeof *l), *spread = malloc((size_t)n * sizeof *spread), *one = malloc((size_t)n * sizeof *one);
    double square = 0, single[MEMBERS_MOST] = {0}, sum = 0;
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.output = SBI_RATIO_LOG;
    for (int side = 0; side < 2; side++) {
        events e = make_events(p, side, 1000, n);
        const sbi_array x = sbi_array_2d(e.x, SBI_F32, n, p->d);
        ok(sbi_ratio_evaluate(ens, &x, l, spread, &o));
        for (int64_t i = 0; i < n; i++) {
            const double sign = side == SBI_NUMERATOR ? -1 : 1;
            square += pow(l[i] - e.log_ratio[i], 2) / (2.0 * (double)n);
            q.spread += spread[i] / (2.0 * (double)n);
            q.excess += (softplus(sign * l[i]) - softplus(sign * e.log_ratio[i])) / (2.0 * (double)n);
            if (side == SBI_DENOMINATOR) sum += exp(l[i]) / (double)n;
        }
        for (int m = 0; m < members; m++) {
            ok(sbi_network_evaluate(sbi_ensemble_network(ens, (size_t)m), &x, one));
            for (int64_t i = 0; i < n; i++) single[m] += pow(one[i] - e.log_ratio[i], 2) / (2.0 * (double)n);
        }
        free_events(&e);
    }
    for (int m = 0; m < members; m++) q.single += sqrt(single[m]) / members;
    q.ensemble = sqrt(square);
    q.normalisation = sum;
    free(l);
    free(spread);
    free(one);
    return q;
}

static quality train_and_judge(const problem *p, int64_t n, const sbi_train_options *o, int64_t test)
{
    sbi_dataset *data;
    sbi_ensemble *ens;
    events e[2];
    ok(sbi_dataset_create(&data, ctx));
    for (int side = 0; side < 2; side++) {
        e[side] = make_events(p, side, 1, n);
        const sbi_array x = sbi_array_2d(e[side].x, SBI_F32, n, p->d);
        ok(sbi_dataset_add_array(data, side, &x, NULL));
    }
    ok(sbi_ensemble_train(&ens, data, o, NULL));
    ok(sbi_ensemble_set_combination(ens, SBI_COMBINE_MEAN_LOG));
    const quality q = judge(p, ens, test);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    free_events(&e[0]);
    free_events(&e[1]);
    return q;
}

START_TEST(errors_fall_with_events_and_members)
{
    const problem *p = &problems[_i];
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.learning_rate = 3e-3;
    if (full) {
        static const int64_t sizes[3] = {10000, 30000, 100000};
        o.depth = 3;
        o.width = 64;
        o.epochs = 20;
        o.patience = 5;
        o.members = 6;
        for (int k = 0; k < 3; k++) {
            o.batch = sizes[k] / 50;
            const quality q = train_and_judge(p, sizes[k], &o, 20000);
            printf("| %s | %lld | %d | %.3f | %.3f | %.3f | %.2f | %.4f |\n", p->name, (long long)sizes[k], (int)o.members, q.single,
                   q.ensemble, q.spread, 1e3 * q.excess, q.normalisation);
            fflush(stdout);
        }
        return;
    }
    o.depth = 2;
    o.width = 20;
    o.epochs = 10;
    o.members = 3;
    o.batch = 64;
    const quality few = train_and_judge(p, 1500, &o, 4000);
    o.batch = 256;
    const quality many = train_and_judge(p, 12000, &o, 4000);
    if (getenv("SBI_PRINT"))
        printf("%s: %.3f %.3f %.4f; %.3f %.3f %.4f, norm %.4f\n", p->name, few.single, few.ensemble, few.excess, many.single, many.ensemble,
               many.excess, many.normalisation);
    ck_assert_msg(many.ensemble < 0.8 * few.ensemble, "%s: rms error of ln r %.3f with 12000 events, %.3f with 1500", p->name, many.ensemble,
                  few.ensemble);
    ck_assert_msg(many.excess < few.excess, "%s: excess %.4f with 12000 events, %.4f with 1500", p->name, many.excess, few.excess);
    ck_assert_msg(many.ensemble < many.single && few.ensemble < few.single, "%s: the ensemble is no better than its members", p->name);
    ck_assert_msg(many.ensemble < p->limit, "%s: rms error of ln r %.3f, limit %.3f", p->name, many.ensemble, p->limit);
    ck_assert_double_eq_tol(many.normalisation, 1, 0.1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ratio quality");
    TCase *c = tcase_create("ratio quality");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 1800);
    tcase_add_loop_test(c, errors_fall_with_events_and_members, 0, PROBLEMS);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
