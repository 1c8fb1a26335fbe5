/* SPDX-License-Identifier: Apache-2.0 */
/* Random unbinned models against JAX in f64. tests/reference/make_random_unbinned.py says what tests/data/random holds and which numbers
 * the columns are. Each is recorded on a tape; those that need code 4 alone are built as models too. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "io/json.h"
#include "io/npz.h"
#include "model/expression.h"
#include "sbi/model.h"
#include "support/data.h"
#include "support/run_suite.h"

#define N_MODELS 20
#define MAX_NUISANCES 200
#define MAX_PROCESSES 6
#define INTEGRATION 1000000u

#define ck_ok(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

/* The difference from JAX that each precision of arithmetic may have, relative to the largest element. */
static const struct precision {
    const char *name;
    int32_t precision;
    double value, gradient, hessian;
} precisions[] = {{"double", SBI_PRECISION_DOUBLE, 1e-12, 1e-11, 1e-10}, {"mixed", SBI_PRECISION_MIXED, 1e-9, 1e-7, 1e-7}};

typedef struct random_model {
    json_t *spec;
    uint64_t seed;
    int64_t n[2]; /* events, integration events */
    int logarithms, dtype;
    double amplitude;
    size_t n_nuisances, n_params, first; /* first: the number of parameters before the nuisances */
    const json_t *processes;
    void *columns[4 + 2 * MAX_PROCESSES * (1 + 2 * MAX_NUISANCES)]; /* to be freed */
    size_t n_columns;
} random_model;

static int64_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static double number(const json_t *array, size_t index)
{
    return json_number_value(json_array_get(array, index));
}

static random_model read_model(int which)
{
    char name[32];
    random_model m;
    memset(&m, 0, sizeof m);
    snprintf(name, sizeof name, "random/%02d.json", which);
    const test_path path = data_path(name);
    json_error_t error;
    m.spec = json_load_file(path.text, 0, &error);
    ck_assert_msg(m.spec != NULL, "%s: %s", path.text, error.text);
    m.seed = (uint64_t)integer(m.spec, "seed");
    m.n[0] = integer(m.spec, "events");
    m.n[1] = integer(m.spec, "integration");
    m.logarithms = strcmp(json_string_value(json_object_get(m.spec, "storage")), "log") == 0;
    const char *dtype = json_string_value(json_object_get(m.spec, "dtype"));
    m.dtype = strcmp(dtype, "f16") == 0 ? SBI_F16 : strcmp(dtype, "f32") == 0 ? SBI_F32 : SBI_F64;
    m.amplitude = json_number_value(json_object_get(m.spec, "amplitude"));
    m.n_nuisances = (size_t)integer(m.spec, "nuisances");
    m.first = json_is_true(json_object_get(m.spec, "factors_use_k")) ? 2 : 1;
    m.n_params = m.first + m.n_nuisances;
    m.processes = json_object_get(m.spec, "processes");
    ck_assert(m.n[0] > 0 && m.n_nuisances <= MAX_NUISANCES && json_array_size(m.processes) <= MAX_PROCESSES);
    return m;
}

static void release_model(random_model *m)
{
    for (size_t i = 0; i < m->n_columns; i++) free(m->columns[i]);
    json_decref(m->spec);
}

/* ---- columns ---- */

static sbi_array keep(random_model *m, void *memory, int32_t dtype, int64_t n)
{
    ck_assert(memory != NULL && m->n_columns < sizeof m->columns / sizeof *m->columns);
    m->columns[m->n_columns++] = memory;
    return sbi_array_1d(memory, dtype, n);
}

/* `part`: 0 events, 1 integration sample. */
static sbi_array plain_column(random_model *m, int part, uint64_t stream, double low, double width, int is_signed)
{
    const int64_t n = m->n[part];
    double *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; x && i < n; i++) {
        const double u = sbi_random_uniform(m->seed, stream + (part ? INTEGRATION : 0), (uint64_t)i);
        x[i] = is_signed && u < 0.05 ? -0.5 : low + width * u;
    }
    return keep(m, x, SBI_F64, n);
}

/* IEEE binary16 of a number that it holds exactly. */
static uint16_t half_bits(double x)
{
    int e;
    const double f = frexp(fabs(x), &e); /* |x| = 2 f 2^(e - 1) */
    const uint16_t sign = signbit(x) ? 0x8000u : 0;
    if (f == 0) return sign;
    if (e - 1 < -14) return (uint16_t)(sign | (unsigned)ldexp(fabs(x), 24));
    return (uint16_t)(sign | (unsigned)(e - 1 + 15) << 10 | (unsigned)ldexp(2 * f - 1, 10));
}

static sbi_array variation_column(random_model *m, int part, size_t process, size_t nuisance, int down)
{
    const int64_t n = m->n[part];
    const uint64_t stream = 100000u + 2000u * process + 2u * nuisance + (down ? 1u : 0) + (part ? INTEGRATION : 0);
    void *memory = malloc((size_t)n * sizeof(double));
    for (int64_t i = 0; memory && i < n; i++) {
        const double u = sbi_random_uniform(m->seed, stream, (uint64_t)i);
        double x;
        if (m->dtype == SBI_F16)
            x = m->logarithms ? (floor(2048 * u) - 1024) / 32768 : (floor(81 * u) - 40) / 1024;
        else
            x = m->amplitude * (2 * u - 1);
        if (!m->logarithms) x = 1 + x;
        if (m->dtype == SBI_F16)
            ((uint16_t *)memory)[i] = half_bits(x);
        else if (m->dtype == SBI_F32)
            ((float *)memory)[i] = (float)x;
        else
            ((double *)memory)[i] = x;
    }
    return keep(m, memory, m->dtype, n);
}

/* ---- the tape ---- */

static int64_t find_parameter(void *user, const char *name, size_t length)
{
    (void)user;
    return length == 2 && memcmp(name, "mu", 2) == 0 ? 0 : length == 1 && name[0] == 'k' ? 1 : -1;
}

/* r_p times the product of the process's morphs, over the events or the integration sample; *ratio is r_p alone. */
static sbi_var record_density(random_model *m, sbi_tape *t, sbi_events events, int part, size_t p, const sbi_var *params,
                              sbi_var *ratio)
{
    const json_t *morphs = json_object_get(json_array_get(m->processes, p), "morphs");
    static sbi_array up[MAX_NUISANCES], down[MAX_NUISANCES];
    const sbi_array r = plain_column(m, part, 1000u + p, 0.4, 1.2, 0);
    *ratio = sbi_tape_column(t, events, &r, "ratio");
    sbi_var out = *ratio;
    for (size_t g = 0; g < json_array_size(morphs); g++) {
        const json_t *morph = json_array_get(morphs, g), *nuisances = json_object_get(morph, "nuisances");
        const size_t n = json_array_size(nuisances);
        sbi_var alphas[MAX_NUISANCES];
        for (size_t i = 0; i < n; i++) {
            const size_t k = (size_t)number(nuisances, i);
            alphas[i] = params[m->first + k];
            up[i] = variation_column(m, part, p, k, 0);
            down[i] = variation_column(m, part, p, k, 1);
        }
        out = sbi_tape_mul(t, out, sbi_tape_morph(t, events, alphas, n, up, down, (int32_t)integer(morph, "code"),
                                                  m->logarithms ? SBI_MORPH_LOG : SBI_MORPH_RATIO));
    }
    return out;
}

static sbi_tape *record(random_model *m, sbi_context *ctx)
{
    sbi_tape *t;
    sbi_var params[2 + MAX_NUISANCES];
    char name[32];
    ck_ok(sbi_tape_create(&t, ctx));
    params[0] = sbi_tape_param(t, "mu");
    params[1] = m->first == 2 ? sbi_tape_param(t, "k") : params[0];
    for (size_t k = 0; k < m->n_nuisances; k++) {
        snprintf(name, sizeof name, "alpha_%zu", k);
        params[m->first + k] = sbi_tape_param(t, name);
    }
    const int is_signed = json_is_true(json_object_get(m->spec, "signed"));
    const sbi_array w = plain_column(m, 0, 0, 0.5, 1, is_signed);
    const sbi_events events = sbi_tape_events(t, "events", m->n[0]);
    const sbi_events integration = m->n[1] ? sbi_tape_events(t, "integration", m->n[1]) : 0;
    const sbi_var weights = sbi_tape_column(t, events, &w, "weights");
    sbi_var v = SBI_VAR_INVALID, nll = sbi_tape_constant(t, 0), mixture = SBI_VAR_INVALID;
    if (m->n[1]) {
        const sbi_array column = plain_column(m, 1, 0, 0.5, 1, 0);
        v = sbi_tape_column(t, integration, &column, "integration weights");
    }
    for (size_t p = 0; p < json_array_size(m->processes); p++) {
        const json_t *process = json_array_get(m->processes, p), *normsys = json_object_get(process, "normsys");
        const char *factor = json_string_value(json_object_get(process, "factor"));
        sbi_var nu = sbi_tape_constant(t, json_number_value(json_object_get(process, "yield"))), ratio;
        if (factor) {
            sbi_expression *e;
            ck_ok(sbi_expression_parse(&e, ctx, factor, find_parameter, NULL));
            nu = sbi_tape_mul(t, nu, sbi_expression_record(e, t, params));
            sbi_expression_destroy(e);
        }
        for (size_t i = 0; i < json_array_size(normsys); i++) {
            const json_t *s = json_array_get(normsys, i);
            nu = sbi_tape_mul(t, nu, sbi_tape_interp(t, params[m->first + (size_t)number(s, 0)], number(s, 1), number(s, 2),
                                                     SBI_INTERP_CODE4));
        }
        sbi_var scale = nu;
        if (m->n[1]) {
            const sbi_var varied = record_density(m, t, integration, 1, p, params, &ratio);
            scale = sbi_tape_mul(t, nu, sbi_tape_div(t, sbi_tape_weighted_sum(t, v, ratio), sbi_tape_weighted_sum(t, v, varied)));
        }
        const sbi_var term = sbi_tape_mul(t, scale, record_density(m, t, events, 0, p, params, &ratio));
        mixture = p ? sbi_tape_add(t, mixture, term) : term;
        nll = sbi_tape_add(t, nll, nu);
    }
    nll = sbi_tape_sub(t, nll, sbi_tape_weighted_sum(t, weights, sbi_tape_log(t, mixture)));
    const json_t *constraints = json_object_get(m->spec, "constraints");
    for (size_t k = 0; k < m->n_nuisances; k++) {
        const json_t *c = json_array_get(constraints, k);
        const sbi_var pull = sbi_tape_div(t, sbi_tape_sub(t, params[m->first + k], sbi_tape_constant(t, number(c, 0))),
                                          sbi_tape_constant(t, number(c, 1)));
        nll = sbi_tape_add(t, nll, sbi_tape_mul(t, sbi_tape_constant(t, 0.5), sbi_tape_square(t, pull)));
    }
    ck_ok(sbi_tape_seal(t, nll));
    ck_assert_uint_eq(sbi_tape_n_params(t), m->n_params);
    return t;
}

/* ---- the model ---- */

static int code4_alone(const random_model *m)
{
    for (size_t p = 0; p < json_array_size(m->processes); p++) {
        const json_t *morphs = json_object_get(json_array_get(m->processes, p), "morphs");
        for (size_t g = 0; g < json_array_size(morphs); g++)
            if (integer(json_array_get(morphs, g), "code") != SBI_INTERP_CODE4) return 0;
    }
    return 1;
}

static void add_parameter(sbi_model *model, const char *name, int32_t constraint, double auxiliary, double sigma)
{
    sbi_parameter p;
    sbi_parameter_init(&p);
    p.constraint = constraint;
    p.start = constraint == SBI_CONSTRAINT_NONE ? 1 : 0;
    p.auxiliary = auxiliary;
    p.sigma = sigma;
    ck_ok(sbi_model_add_parameter(model, name, &p));
}

static sbi_model *build(random_model *m, sbi_context *ctx)
{
    sbi_model *model;
    char name[32];
    size_t channel, sample;
    const json_t *constraints = json_object_get(m->spec, "constraints");
    ck_ok(sbi_model_create(&model, ctx));
    add_parameter(model, "mu", SBI_CONSTRAINT_NONE, 0, 1);
    if (m->first == 2) add_parameter(model, "k", SBI_CONSTRAINT_NONE, 0, 1);
    for (size_t k = 0; k < m->n_nuisances; k++) {
        const json_t *c = json_array_get(constraints, k);
        snprintf(name, sizeof name, "alpha_%zu", k);
        add_parameter(model, name, SBI_CONSTRAINT_GAUSSIAN, number(c, 0), number(c, 1));
    }
    const int is_signed = json_is_true(json_object_get(m->spec, "signed")), normalise = m->n[1] > 0;
    const sbi_array w = plain_column(m, 0, 0, 0.5, 1, is_signed);
    sbi_array v = w;
    if (normalise) v = plain_column(m, 1, 0, 0.5, 1, 0);
    ck_ok(sbi_model_add_channel(model, "SR", m->n[0], &w, normalise ? &v : NULL,
                                is_signed ? SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS : 0, &channel));
    for (size_t p = 0; p < json_array_size(m->processes); p++) {
        const json_t *process = json_array_get(m->processes, p), *morphs = json_object_get(process, "morphs");
        const json_t *normsys = json_object_get(process, "normsys");
        const sbi_array r = plain_column(m, 0, 1000u + p, 0.4, 1.2, 0);
        sbi_array ri = r;
        if (normalise) ri = plain_column(m, 1, 1000u + p, 0.4, 1.2, 0);
        snprintf(name, sizeof name, "process_%zu", p);
        ck_ok(sbi_model_add_sample(model, channel, name, json_number_value(json_object_get(process, "yield")),
                                   json_string_value(json_object_get(process, "factor")), &r, normalise ? &ri : NULL, &sample));
        for (size_t i = 0; i < json_array_size(normsys); i++) {
            const json_t *s = json_array_get(normsys, i);
            snprintf(name, sizeof name, "alpha_%zu", (size_t)number(s, 0));
            ck_ok(sbi_model_add_normsys(model, channel, sample, name, number(s, 1), number(s, 2)));
        }
        const json_t *nuisances = json_object_get(json_array_get(morphs, 0), "nuisances");
        for (size_t i = 0; i < json_array_size(nuisances); i++) {
            const size_t k = (size_t)number(nuisances, i);
            sbi_array a[4];
            for (int j = 0; j < (normalise ? 4 : 2); j++) a[j] = variation_column(m, j / 2, p, k, j % 2);
            snprintf(name, sizeof name, "alpha_%zu", k);
            ck_ok(sbi_model_add_eventsys(model, channel, sample, name, &a[0], &a[1], normalise ? &a[2] : NULL,
                                         normalise ? &a[3] : NULL, m->logarithms ? SBI_MORPH_LOG : SBI_MORPH_RATIO));
        }
    }
    ck_ok(sbi_model_seal(model));
    return model;
}

/* ---- comparison ---- */

static double largest_of(const double *x, size_t n)
{
    double largest = 1;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
    return largest;
}

/* The tape against the stored values at every point. */
static void compare(sbi_context *ctx, const sbi_tape *tape, int which, const char *what, const struct precision *tolerance)
{
    char name[32];
    snprintf(name, sizeof name, "random/%02d.npz", which);
    const test_path path = data_path(name);
    const size_t n = sbi_tape_n_params(tape);
    sbi_npz *npz;
    sbi_array points, values, gradients, hessians;
    void *memory[4];
    ck_ok(sbi_npz_open(&npz, ctx, path.text));
    ck_ok(sbi_npz_read(npz, "points", &points, &memory[0]));
    ck_ok(sbi_npz_read(npz, "value", &values, &memory[1]));
    ck_ok(sbi_npz_read(npz, "gradient", &gradients, &memory[2]));
    ck_ok(sbi_npz_read(npz, "hessian", &hessians, &memory[3]));
    ck_assert(points.dtype == SBI_F64 && points.shape[0] >= 3 && points.shape[1] == (int64_t)n);
    ck_assert(hessians.shape[0] >= 1 && hessians.shape[1] == (int64_t)(n * (n + 1) / 2));
    sbi_tape_work *work;
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    double *gradient = malloc(n * sizeof *gradient), *hessian = malloc(n * n * sizeof *hessian), *row = malloc(n * sizeof *row);
    ck_assert(gradient && hessian && row);
    options.precision = tolerance->precision;
    ck_ok(sbi_tape_work_create_with(&work, tape, &options));
    double found[3] = {0, 0, 0}; /* the largest differences */
    for (size_t k = 0; k < (size_t)points.shape[0]; k++) {
        const double *theta = (const double *)points.data + k * n, *g = (const double *)gradients.data + k * n;
        const double expected = ((const double *)values.data)[k], largest = largest_of(g, n);
        double value;
        ck_ok(sbi_tape_eval(work, theta, &value, gradient));
        found[0] = fmax(found[0], fabs(value - expected) / fmax(1, fabs(expected)));
        ck_assert_msg(fabs(value - expected) <= tolerance->value * fmax(1, fabs(expected)), "%s %d, %s, point %zu: %.17g, JAX %.17g",
                      what, which, tolerance->name, k, value, expected);
        for (size_t i = 0; i < n; i++) {
            found[1] = fmax(found[1], fabs(gradient[i] - g[i]) / largest);
            ck_assert_msg(fabs(gradient[i] - g[i]) <= tolerance->gradient * largest,
                          "%s %d, %s, point %zu: derivative by %s is %.17g, JAX %.17g (largest %g)", what, which, tolerance->name, k,
                          sbi_tape_param_name(tape, i), gradient[i], g[i], largest);
        }
        if (k >= (size_t)hessians.shape[0]) continue;
        const double *H = (const double *)hessians.data + k * (n * (n + 1) / 2), most = largest_of(H, n * (n + 1) / 2);
        ck_ok(sbi_tape_hessian(work, theta, NULL, NULL, hessian));
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++, H++) {
                found[2] = fmax(found[2], fabs(hessian[i * n + j] - *H) / most);
                ck_assert_msg(fabs(hessian[i * n + j] - *H) <= tolerance->hessian * most && hessian[i * n + j] == hessian[j * n + i],
                              "%s %d, %s, point %zu: second derivative by %s and %s is %.17g, JAX %.17g (largest %g)", what, which,
                              tolerance->name, k, sbi_tape_param_name(tape, i), sbi_tape_param_name(tape, j), hessian[i * n + j], *H,
                              most);
            }
        for (size_t i = 0; i < n; i += 1 + n / 4) {
            ck_ok(sbi_tape_hessian_rows(work, theta, i, 1, row));
            ck_assert_mem_eq(row, hessian + i * n, n * sizeof *row);
        }
    }
    printf("%s %d, %s: value to %.1e, gradient to %.1e, Hessian to %.1e of the largest element\n", what, which, tolerance->name,
           found[0], found[1], found[2]);
    sbi_tape_work_destroy(work);
    free(gradient);
    free(hessian);
    free(row);
    for (int i = 0; i < 4; i++) sbi_free(ctx, memory[i]);
    sbi_npz_close(npz);
}

/* _i counts through the models, and through the precisions beyond. */
START_TEST(equals_jax)
{
    const int which = 1 + _i % N_MODELS;
    const struct precision *tolerance = &precisions[_i / N_MODELS];
    sbi_context *ctx;
    ck_ok(sbi_context_create(&ctx, NULL));
    random_model m = read_model(which);
    sbi_tape *tape = record(&m, ctx);
    compare(ctx, tape, which, "tape", tolerance);
    sbi_tape_destroy(tape);
    release_model(&m);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(built_as_models)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT; /* no log: without normalisation the models warn of it */
    sbi_context *ctx;
    int count = 0;
    ck_ok(sbi_context_create(&ctx, &options));
    for (int which = 1; which <= N_MODELS; which++) {
        random_model m = read_model(which);
        if (code4_alone(&m)) {
            sbi_model *model = build(&m, ctx);
            compare(ctx, sbi_model_tape(model), which, "model", &precisions[0]);
            sbi_model_destroy(model);
            count++;
        }
        release_model(&m);
    }
    ck_assert_int_ge(count, 6);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_random");
    TCase *tc = tcase_create("random");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, equals_jax, 0, N_MODELS * (int)(sizeof precisions / sizeof *precisions));
    tcase_add_test(tc, built_as_models);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
