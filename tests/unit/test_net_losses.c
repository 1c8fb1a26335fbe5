/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of every loss against PyTorch (tests/reference/torch_losses.py), those with a score also against finite differences; and
 * what datasets and options must have for each. */
#include <float.h>
#include <math.h>

#include "reference/torch_losses_values.h"
#include "support/run_suite.h"
#include "support/train_from.h"

#define Q TORCH_LOSS_PARAMETERS
#define D TORCH_LOSS_FEATURES
#define N TORCH_LOSS_EVENTS
#define INPUTS (D + Q)
#define MOST 1024

static sbi_context *ctx;
static test_folder folder;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static void ok(sbi_status status)
{
    train_ok(status);
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s (%s)", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

/* What the dataset is made with. */
enum { THETA = 1, RATIO = 2, SCORE = 4, TARGET = 8, EVERYTHING = 15 };

/* The reference's events: the first third is class 0, the next class 1, the last class classes - 1. x has theta in its last columns. */
static sbi_dataset *make_data(int32_t classes, int what)
{
    sbi_dataset *data;
    ok(sbi_dataset_create(&data, ctx));
    for (int part = 0; part < 3; part++) {
        const int64_t n = N / 3, first = part * n;
        sbi_array x = sbi_array_2d(torch_loss_x + first * INPUTS, SBI_F64, n, D), theta = x;
        x.strides[0] = theta.strides[0] = INPUTS * (int64_t)sizeof(double);
        theta.data = torch_loss_x + first * INPUTS + D;
        theta.shape[1] = Q;
        const sbi_array w = sbi_array_1d(torch_loss_w + first, SBI_F64, n), r = sbi_array_1d(torch_loss_ratio + first, SBI_F64, n);
        const sbi_array t = sbi_array_2d(torch_loss_score + first * Q, SBI_F64, n, Q);
        const sbi_array y = sbi_array_2d(torch_loss_target + first * TORCH_LOSS_TARGETS, SBI_F64, n, TORCH_LOSS_TARGETS);
        sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
        a.features = &x;
        a.weights = &w;
        a.theta = what & THETA ? &theta : NULL;
        a.joint_ratio = what & RATIO ? &r : NULL;
        a.score = what & SCORE ? &t : NULL;
        a.target = what & TARGET ? &y : NULL;
        ok(sbi_dataset_add_arrays(data, part < classes ? part : classes - 1, &a));
    }
    return data;
}

typedef struct test_case {
    const char *name;
    int32_t loss, classes, balance, activation, norm, residual;
    double smoothing;
    int32_t outputs;
    double loss_value, single;
    const double *gradient;
} test_case;

static sbi_train_options options_of(const test_case *c)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = TORCH_LOSS_DEPTH;
    o.width = TORCH_LOSS_WIDTH;
    o.batch = N;
    o.validation_fraction = 0;
    o.standardise = SBI_STANDARDISE_NONE;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    o.optimiser = SBI_OPTIMISER_SGD;
    o.beta1 = 0;
    o.learning_rate = 1;
    o.epochs = 1;
    o.loss = c->loss;
    o.class_balance = c->balance;
    o.activation = c->activation;
    o.layer_norm = c->norm;
    o.residual = c->residual;
    o.label_smoothing = c->smoothing;
    o.score_weight = TORCH_LOSS_SCORE_WEIGHT;
    return o;
}

static sbi_mlp shape_of(const test_case *c)
{
    sbi_mlp mlp = {.layers = TORCH_LOSS_DEPTH + 1, .activation = c->activation, .size = {INPUTS}};
    for (int l = 1; l <= TORCH_LOSS_DEPTH; l++) {
        mlp.size[l] = TORCH_LOSS_WIDTH;
        mlp.norm[l - 1] = c->norm;
        if (c->residual && l > 1 && (l - 1) % c->residual == 0) mlp.residual[l - 1] = c->residual;
    }
    mlp.size[TORCH_LOSS_DEPTH + 1] = c->outputs;
    ok(sbi_mlp_finish(&mlp));
    ck_assert_int_le(mlp.n, MOST);
    return mlp;
}

static void spread_norms(const sbi_mlp *mlp, const double *from, float *to)
{
    for (int32_t l = 0; l < mlp->layers; l++) {
        if (!mlp->norm[l]) continue;
        for (int64_t i = 0; i < mlp->size[l + 1]; i++) to[mlp->gain[l] + i] = (float)*from++;
        for (int64_t i = 0; i < mlp->size[l + 1]; i++) to[mlp->offset[l] + i] = (float)*from++;
    }
}

/* The reference's order of parameters in the library's flat array; gives what follows them. */
static const double *spread(const sbi_mlp *mlp, const double *from, float *to)
{
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l] * mlp->size[l + 1]; i++) to[mlp->w[l] + i] = (float)*from++;
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l + 1]; i++) to[mlp->b[l] + i] = (float)*from++;
    return from;
}

static void first_parameters(const sbi_mlp *mlp, float *to)
{
    static const double *const first[] = {torch_loss_first_1, torch_loss_first_2, torch_loss_first_3};
    spread(mlp, first[sbi_mlp_outputs(mlp) - 1], to);
    spread_norms(mlp, torch_loss_norms, to);
}

static double loss_of(const sbi_network *net)
{
    sbi_array history;
    ok(sbi_network_history(net, &history));
    return ((const double *)history.data)[1];
}

static sbi_network *train_case(const test_case *c, const sbi_train_options *o, const float *params, int64_t n)
{
    sbi_dataset *data = make_data(c->classes, EVERYTHING);
    sbi_network *net = train_from(ctx, data, o, &folder, params, n);
    sbi_dataset_destroy(data);
    return net;
}

static void check_case(const test_case *c)
{
    const sbi_train_options o = options_of(c);
    const sbi_mlp mlp = shape_of(c);
    float first[MOST] = {0}, expected[MOST] = {0};
    first_parameters(&mlp, first);
    spread_norms(&mlp, spread(&mlp, c->gradient, expected), expected);
    sbi_network *net = train_case(c, &o, first, mlp.n);
    ck_assert_int_eq(net->mlp.n, mlp.n);
    const double loss = loss_of(net);
    ck_assert_msg(fabs(loss - c->loss_value) <= 2e-6 * (1 + c->loss_value), "%s: the loss is %.9g, expected %.9g", c->name, loss, c->loss_value);
    /* As near as PyTorch's own single precision, give or take the order of sums. */
    const double allowed = 1e-6 + 4 * c->single;
    for (int64_t k = 0; k < mlp.n; k++) {
        const double got = (double)first[k] - (double)net->params[k], want = (double)expected[k];
        ck_assert_msg(fabs(got - want) <= allowed * (1 + fabs(want)), "%s: gradient[%d] is %.9g, expected %.9g", c->name, (int)k, got, want);
    }
    sbi_network_destroy(net);
}

#define CASE(name, loss, classes, balance, activation, norm, residual, smoothing, outputs)                                              \
    {#name, loss, classes, balance, activation, norm, residual, smoothing, outputs, torch_loss_loss_##name[0],                            \
     torch_loss_single_##name[0], torch_loss_gradient_##name}
#define SILU SBI_ACTIVATION_SILU

START_TEST(gradients_of_losses_of_values)
{
    const test_case cases[] = {
        CASE(smoothed, SBI_LOSS_BCE, 2, 1, SILU, 0, 0, 0.2, 1),
        CASE(unbalanced, SBI_LOSS_BCE, 2, 0, SILU, 0, 0, 0, 1),
        CASE(multiclass, SBI_LOSS_MULTICLASS, 3, 1, SILU, 0, 0, 0, 3),
        CASE(multiclass_smoothed, SBI_LOSS_MULTICLASS, 3, 1, SILU, 0, 0, 0.3, 3),
        CASE(heads, SBI_LOSS_BCE, 3, 1, SILU, 0, 0, 0, 2),
        CASE(heads_smoothed, SBI_LOSS_BCE, 3, 1, SILU, 0, 0, 0.2, 2),
        CASE(regression, SBI_LOSS_REGRESSION, 2, 1, SILU, 0, 0, 0, 2),
        CASE(rolr, SBI_LOSS_ROLR, 2, 1, SILU, 0, 0, 0, 1),
        CASE(alice, SBI_LOSS_ALICE, 2, 1, SILU, 0, 0, 0, 1),
        CASE(alice_unbalanced, SBI_LOSS_ALICE, 2, 0, SILU, 0, 0, 0, 1),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}
END_TEST

START_TEST(gradients_of_losses_with_scores)
{
    const test_case cases[] = {
        CASE(rascal, SBI_LOSS_RASCAL, 2, 1, SILU, 0, 0, 0, 1),
        CASE(cascal, SBI_LOSS_CASCAL, 2, 1, SILU, 0, 0, 0, 1),
        CASE(alices, SBI_LOSS_ALICES, 2, 1, SILU, 0, 0, 0, 1),
        CASE(alices_smoothed, SBI_LOSS_ALICES, 2, 1, SILU, 0, 0, 0.2, 1),
        CASE(alices_norm, SBI_LOSS_ALICES, 2, 1, SILU, 1, 0, 0, 1),
        CASE(alices_residual, SBI_LOSS_ALICES, 2, 1, SILU, 0, 2, 0, 1),
        CASE(alices_norm_residual, SBI_LOSS_ALICES, 2, 1, SILU, 1, 2, 0, 1),
        CASE(rascal_norm_residual, SBI_LOSS_RASCAL, 2, 1, SILU, 1, 1, 0, 1),
        CASE(cascal_relu, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_RELU, 0, 0, 0, 1),
        CASE(cascal_leaky_relu, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_LEAKY_RELU, 0, 0, 0, 1),
        CASE(cascal_tanh, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_TANH, 0, 0, 0, 1),
        CASE(cascal_gelu, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_GELU, 0, 0, 0, 1),
        CASE(cascal_softplus, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_SOFTPLUS, 0, 0, 0, 1),
        CASE(cascal_norm_residual_tanh, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_TANH, 1, 2, 0, 1),
        CASE(cascal_norm_residual_gelu, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_GELU, 1, 2, 0, 1),
        CASE(cascal_norm_residual_softplus, SBI_LOSS_CASCAL, 2, 1, SBI_ACTIVATION_SOFTPLUS, 1, 2, 0, 1),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}
END_TEST

/* With dropout, whose masks are the same at each call, and standardised inputs: what PyTorch was not asked. */
START_TEST(scores_by_finite_differences)
{
    const test_case cases[] = {
        CASE(alices, SBI_LOSS_ALICES, 2, 1, SILU, 0, 0, 0, 1),
        CASE(alices_norm_residual, SBI_LOSS_ALICES, 2, 1, SILU, 1, 2, 0, 1),
    };
    for (size_t i = 0; i < 2; i++) {
        sbi_train_options o = options_of(&cases[i]);
        o.dropout = 0.25;
        o.standardise = SBI_STANDARDISE_MEAN_STD;
        const sbi_mlp mlp = shape_of(&cases[i]);
        float first[MOST] = {0};
        first_parameters(&mlp, first);
        sbi_network *net = train_case(&cases[i], &o, first, mlp.n);
        o.learning_rate = 1e-30; /* the loss alone */
        for (int64_t k = 0; k < mlp.n; k += 7) {
            double slope[2]; /* of steps h and h / 2; the terms of h^2 drop out of the combination below */
            if (first[k] == 0) continue; /* a gap */
            for (int s = 0; s < 2; s++) {
                const double step = s ? 1.0 / 128 : 1.0 / 64;
                double value[2];
                for (int side = 0; side < 2; side++) {
                    float moved[MOST];
                    memcpy(moved, first, sizeof moved);
                    moved[k] += (float)(side ? step : -step);
                    sbi_network *other = train_case(&cases[i], &o, moved, mlp.n);
                    value[side] = loss_of(other);
                    sbi_network_destroy(other);
                }
                slope[s] = (value[1] - value[0]) / (2 * step);
            }
            const double expected = (4 * slope[1] - slope[0]) / 3, got = (double)first[k] - (double)net->params[k];
            ck_assert_msg(fabs(got - expected) <= 1e-3 * (0.1 + fabs(expected)), "%s: gradient[%d] is %g, differences give %g", cases[i].name,
                          (int)k, got, expected);
        }
        sbi_network_destroy(net);
    }
}
END_TEST

/* Lanes, chunks and threads: the same bits for any number of threads. */
START_TEST(scores_do_not_depend_on_threads)
{
    enum { MANY = 1500 };
    static double x[2][MANY * 2], t[2][MANY], r[2][MANY];
    float *params[2];
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < MANY; i++) {
            x[side][2 * i] = sin(1.7 * i + side);
            x[side][2 * i + 1] = cos(0.3 * i);
            t[side][i] = x[side][2 * i];
            r[side][i] = exp(0.5 * x[side][2 * i + 1]);
        }
    }
    for (int run = 0; run < 2; run++) {
        sbi_context_options c = SBI_CONTEXT_OPTIONS_INIT;
        c.threads = run ? 3 : 1;
        sbi_context *own;
        sbi_dataset *data;
        ok(sbi_context_create(&own, &c));
        ok(sbi_dataset_create(&data, own));
        for (int32_t side = 0; side < 2; side++) {
            sbi_array xa = sbi_array_2d(x[side], SBI_F64, MANY, 1), theta = xa;
            xa.strides[0] = theta.strides[0] = 2 * (int64_t)sizeof(double);
            theta.data = &x[side][1];
            const sbi_array ta = sbi_array_1d(t[side], SBI_F64, MANY), ra = sbi_array_1d(r[side], SBI_F64, MANY);
            sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
            a.features = &xa;
            a.theta = &theta;
            a.joint_ratio = &ra;
            a.score = &ta;
            ok(sbi_dataset_add_arrays(data, side, &a));
        }
        sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
        o.depth = 2;
        o.width = 20;
        o.epochs = 2;
        o.loss = SBI_LOSS_ALICES;
        o.layer_norm = 1;
        o.dropout = 0.1;
        sbi_network *net;
        ok(sbi_network_train(&net, data, &o));
        params[run] = malloc(sizeof(float) * (size_t)net->mlp.n);
        memcpy(params[run], net->params, sizeof(float) * (size_t)net->mlp.n);
        if (run) ck_assert_mem_eq(params[0], params[1], sizeof(float) * (size_t)net->mlp.n);
        sbi_network_destroy(net);
        sbi_dataset_destroy(data);
        sbi_context_destroy(own);
    }
    free(params[0]);
    free(params[1]);
}
END_TEST

/* ---- what is missing is named ---- */

static void refused(int32_t loss, int32_t classes, int what, sbi_status expected, const char *text)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    sbi_dataset *data = make_data(classes, what);
    sbi_network *net;
    sbi_ensemble *ens;
    o.loss = loss;
    fails(sbi_network_train(&net, data, &o), expected, text);
    ck_assert_ptr_null(net);
    fails(sbi_ensemble_train(&ens, data, &o, NULL), expected, text);
    ck_assert_ptr_null(ens);
    sbi_dataset_destroy(data);
}

START_TEST(what_a_loss_needs)
{
    refused(SBI_LOSS_REGRESSION, 2, THETA, SBI_ERR_VALUE, "the loss REGRESSION needs targets, which the events of class \"denominator\"");
    refused(SBI_LOSS_ROLR, 2, THETA, SBI_ERR_VALUE, "the loss ROLR needs joint ratios");
    refused(SBI_LOSS_ALICE, 2, THETA | SCORE, SBI_ERR_VALUE, "the loss ALICE needs joint ratios");
    refused(SBI_LOSS_RASCAL, 2, THETA | RATIO, SBI_ERR_VALUE, "the loss RASCAL needs scores");
    refused(SBI_LOSS_ALICES, 2, THETA | RATIO, SBI_ERR_VALUE, "the loss ALICES needs scores, which the events of class \"numerator\"");
    refused(SBI_LOSS_CASCAL, 2, THETA, SBI_ERR_VALUE, "the loss CASCAL needs scores");
    refused(SBI_LOSS_ALICE, 3, EVERYTHING, SBI_ERR_UNSUPPORTED, "the loss ALICE is for two classes, the dataset has 3");
    refused(SBI_LOSS_BCE, 1, THETA, SBI_ERR_VALUE, "the numerator has no events");
    refused(SBI_LOSS_MULTICLASS, 1, THETA, SBI_ERR_VALUE, "the numerator has no events");
}
END_TEST

START_TEST(bad_events_are_named)
{
    static double x[6] = {1, 2, 3, 4, 5, 6}, theta[3] = {0, 1, 2}, r[3] = {1, 2, 3}, t[6] = {1, 2, 3, 4, 5, 6}, none[3] = {0, 0, 0};
    const sbi_array xa = sbi_array_2d(x, SBI_F64, 3, 2), wa = sbi_array_1d(none, SBI_F64, 3);
    sbi_array ra = sbi_array_1d(r, SBI_F64, 3), ta = sbi_array_1d(t, SBI_F64, 3), theta_a = sbi_array_1d(theta, SBI_F64, 3);
    sbi_dataset *data;
    ok(sbi_dataset_create(&data, ctx));
    sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
    fails(sbi_dataset_add_arrays(data, 1, NULL), SBI_ERR_ARGUMENT, "features is NULL");
    a.features = &xa;
    a.theta = &theta_a;
    a.joint_ratio = &ra;
    a.score = &ta;
    fails(sbi_dataset_add_arrays(data, SBI_CLASSES_MAX, &a), SBI_ERR_ARGUMENT, "side is 64");
    fails(sbi_dataset_add_arrays(data, -1, &a), SBI_ERR_ARGUMENT, "side is -1");
    r[1] = 0;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "numerator joint ratio: row 1: joint ratio is 0");
    r[1] = -1;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "row 1: joint ratio is -1");
    r[1] = NAN;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "numerator joint ratio: row 1");
    r[1] = INFINITY;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "numerator joint ratio: row 1");
    r[1] = 2;
    theta[2] = NAN;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "numerator theta: row 2");
    theta[2] = 2;
    t[0] = INFINITY;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "numerator score: row 0");
    t[0] = 1;
    x[3] = INFINITY;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_VALUE, "numerator features: row 1, column 1");
    x[3] = 4;
    ta = sbi_array_2d(t, SBI_F64, 3, 2);
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_SHAPE, "numerator score: 2 columns, but theta has 1");
    ta = sbi_array_1d(t, SBI_F64, 2);
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_SHAPE, "numerator score: 2 rows for 3 events");
    ta = sbi_array_1d(t, SBI_F64, 3);
    ra = sbi_array_2d(t, SBI_F64, 3, 2);
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_SHAPE, "numerator joint ratio: 2 columns, expected 1");
    ra = sbi_array_1d(r, SBI_F64, 3);
    a.theta = NULL;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_SHAPE, "a score without theta");
    a.theta = &theta_a;
    ck_assert_uint_eq(sbi_dataset_parameters(data), 0); /* nothing of this left anything behind */
    ck_assert_int_eq(sbi_dataset_events(data, 1), 0);
    ok(sbi_dataset_add_arrays(data, 1, &a));
    ck_assert_uint_eq(sbi_dataset_parameters(data), 1);
    a.score = NULL;
    fails(sbi_dataset_add_arrays(data, 1, &a), SBI_ERR_SHAPE, "no such array, but the parts before of class \"numerator\" have score");
    /* A joint ratio at some theta is of no use with another. */
    a.theta = NULL;
    ok(sbi_dataset_add_arrays(data, 0, &a));
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    sbi_network *net;
    o.loss = SBI_LOSS_ALICE;
    fails(sbi_network_train(&net, data, &o), SBI_ERR_VALUE, "class \"denominator\", whose events have no theta of their own");
    sbi_dataset_destroy(data);
    /* Weights that are all zero. */
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_add_array(data, 0, &xa, NULL));
    ok(sbi_dataset_add_array(data, 1, &xa, &wa));
    fails(sbi_network_train(&net, data, NULL), SBI_ERR_VALUE, "the weights of the numerator sum to 0");
    sbi_dataset_destroy(data);
}
END_TEST

/* A ratio whose square is beyond f32, or whose label is. */
START_TEST(ratios_out_of_range)
{
    double x[2] = {1, 2}, r[2] = {1, 1e300};
    const sbi_array xa = sbi_array_1d(x, SBI_F64, 2), ra = sbi_array_1d(r, SBI_F64, 2);
    sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.loss = SBI_LOSS_ROLR;
    o.validation_fraction = 0;
    for (int pass = 0; pass < 2; pass++) {
        sbi_dataset *data;
        sbi_network *net;
        ok(sbi_dataset_create(&data, ctx));
        a.features = &xa;
        a.joint_ratio = &ra;
        ok(sbi_dataset_add_arrays(data, 0, &a));
        ok(sbi_dataset_add_arrays(data, 1, &a));
        if (pass == 0) fails(sbi_network_train(&net, data, &o), SBI_ERR_VALUE, "class \"denominator\", event 1: the joint ratio is 1e+300");
        else fails(sbi_network_train(&net, data, &o), SBI_ERR_DIVERGED, "epoch 1, batch 1: the loss is inf");
        sbi_dataset_destroy(data);
        r[1] = 1e30;
    }
}
END_TEST

/* One class of events is enough for a regression. */
START_TEST(regression_of_one_class)
{
    enum { EVENTS = 400 };
    static double x[EVENTS], y[2 * EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        x[i] = i * (2.0 / EVENTS) - 1;
        y[2 * i] = 0.5 * x[i] + 0.25;
        y[2 * i + 1] = x[i] * x[i];
    }
    const sbi_array xa = sbi_array_1d(x, SBI_F64, EVENTS), ya = sbi_array_2d(y, SBI_F64, EVENTS, 2);
    sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
    sbi_dataset *data;
    sbi_network *net;
    ok(sbi_dataset_create(&data, ctx));
    a.features = &xa;
    a.target = &ya;
    ok(sbi_dataset_add_arrays(data, SBI_NUMERATOR, &a));
    ck_assert_uint_eq(sbi_dataset_targets(data), 2);
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.loss = SBI_LOSS_REGRESSION;
    o.depth = 2;
    o.width = 16;
    o.batch = 50;
    o.epochs = 60;
    o.learning_rate = 1e-2;
    ok(sbi_network_train(&net, data, &o));
    static double got[2 * EVENTS];
    ok(sbi_network_evaluate_all(net, &xa, got));
    for (int i = 0; i < 2 * EVENTS; i++) ck_assert_msg(fabs(got[i] - y[i]) < 0.05, "output %d is %g, expected %g", i, got[i], y[i]);
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: losses");
    TCase *c = tcase_create("losses");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, gradients_of_losses_of_values);
    tcase_add_test(c, gradients_of_losses_with_scores);
    tcase_add_test(c, scores_by_finite_differences);
    tcase_add_test(c, scores_do_not_depend_on_threads);
    tcase_add_test(c, what_a_loss_needs);
    tcase_add_test(c, bad_events_are_named);
    tcase_add_test(c, ratios_out_of_range);
    tcase_add_test(c, regression_of_one_class);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
