/* SPDX-License-Identifier: Apache-2.0 */
#include "sbi/neyman.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "jobs/toys.h"

static const double default_levels[2] = {0.682689492137086, 0.95};

struct sbi_neyman {
    sbi_context *ctx;
    size_t n, n_levels;
    const char *column;
    double *values, *observed; /* [n] */
    double *levels;            /* [n_levels] */
    double *critical;          /* [n_levels, n] */
    double *error;             /* [n_levels, n, 2] */
    sbi_toys **toys;           /* [n] */
};

void sbi_neyman_options_init(sbi_neyman_options *options)
{
    if (!options) return;
    const sbi_neyman_options defaults = SBI_NEYMAN_OPTIONS_INIT;
    *options = defaults;
}

void sbi_neyman_destroy(sbi_neyman *y)
{
    if (!y) return;
    for (size_t i = 0; y->toys && i < y->n; i++) sbi_toys_destroy(y->toys[i]);
    sbi_free(y->ctx, y->toys);
    sbi_free(y->ctx, y->values);
    sbi_free(y->ctx, y);
}

static sbi_status create(sbi_neyman **out, sbi_context *ctx, size_t n, size_t n_levels)
{
    sbi_neyman *y = sbi_alloc_zero(ctx, 1, sizeof *y);
    if (!y) return SBI_ERR_NO_MEMORY;
    y->ctx = ctx;
    y->n = n;
    y->n_levels = n_levels;
    y->toys = sbi_alloc_zero(ctx, n, sizeof *y->toys);
    y->values = sbi_alloc_zero(ctx, 2 * n + n_levels + 3 * n * n_levels, sizeof *y->values);
    if (!y->toys || !y->values) {
        sbi_neyman_destroy(y);
        return SBI_ERR_NO_MEMORY;
    }
    y->observed = y->values + n;
    y->levels = y->observed + n;
    y->critical = y->levels + n_levels;
    y->error = y->critical + n * n_levels;
    *out = y;
    return SBI_OK;
}

static sbi_status read_options(sbi_neyman_options *o, sbi_toys_options *toys, const sbi_neyman_options *options)
{
    sbi_neyman_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, options, "sbi_neyman_options"));
    SBI_REQUIRE(o->statistic == SBI_STATISTIC_T || o->statistic == SBI_STATISTIC_TTILDE, "sbi_neyman_options: statistic is %d",
                (int)o->statistic);
    if (o->n_levels == 0) {
        o->n_levels = sizeof default_levels / sizeof *default_levels;
        o->levels = default_levels;
    }
    SBI_REQUIRE(o->levels, "sbi_neyman_options: n_levels is %zu, but levels is NULL", o->n_levels);
    for (size_t i = 0; i < o->n_levels; i++)
        SBI_REQUIRE(o->levels[i] > 0 && o->levels[i] < 1, "sbi_neyman_options: level %zu is %g", i, o->levels[i]);
    sbi_toys_options_init(toys);
    return sbi_options_read(toys, sizeof *toys, sizeof *toys, o->toys, "sbi_toys_options");
}

/* Points and statistic of the data, then the toys of all grid points. */
static sbi_status throw_toys(sbi_neyman *y, sbi_fit *fit, const char *name, int32_t statistic, const sbi_toys_options *toys,
                             sbi_executor *executor)
{
    const size_t p = sbi_fit_n_params(fit);
    double *theta = sbi_alloc_array(y->ctx, y->n * p, sizeof *theta);
    toys_set *sets = sbi_alloc_zero(y->ctx, y->n, sizeof *sets);
    sbi_status status = theta && sets ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < y->n && status == SBI_OK; i++) {
        status = sbi_fit_profiled(fit, name, y->values[i], theta + i * p, NULL);
        if (status == SBI_OK) status = sbi_fit_test_statistic(fit, name, y->values[i], statistic, &y->observed[i]);
        sets[i].theta = theta + i * p;
        sets[i].options = *toys;
        sets[i].options.seed = sbi_random_derive(toys->seed, "neyman", i);
        sets[i].options.compute = statistic == SBI_STATISTIC_T ? SBI_TOYS_T : SBI_TOYS_TTILDE;
        sets[i].options.first = 0;
        sets[i].options.parameter = name;
        sets[i].options.n_tested = 1;
        sets[i].options.tested = &y->values[i];
    }
    if (status == SBI_OK) status = sbi_toys_run_sets(y->toys, sbi_fit_model(fit), sets, y->n, executor);
    sbi_free(y->ctx, sets);
    sbi_free(y->ctx, theta);
    return status;
}

static sbi_status find_critical(sbi_neyman *y)
{
    for (size_t l = 0; l < y->n_levels; l++) {
        for (size_t i = 0; i < y->n; i++) {
            const size_t at = l * y->n + i;
            SBI_TRY(sbi_toys_quantile(y->toys[i], y->column, y->levels[l], &y->critical[at], &y->error[2 * at]));
        }
    }
    return SBI_OK;
}

sbi_status sbi_neyman_run(sbi_neyman **out, sbi_fit *fit, const char *name, const double *values, size_t n,
                          const sbi_neyman_options *options, sbi_executor *executor)
{
    SBI_REQUIRE(out, "sbi_neyman_run: out is NULL");
    *out = NULL;
    SBI_TRY(sbi_toys_check_grid(fit, name, values, n, "sbi_neyman_run"));
    sbi_neyman_options o;
    sbi_toys_options toys;
    sbi_neyman *y;
    SBI_TRY(read_options(&o, &toys, options));
    SBI_TRY(create(&y, fit->ctx, n, o.n_levels));
    memcpy(y->values, values, n * sizeof *values);
    memcpy(y->levels, o.levels, o.n_levels * sizeof *o.levels);
    y->column = o.statistic == SBI_STATISTIC_T ? "t_0" : "ttilde_0";
    sbi_status status = throw_toys(y, fit, name, o.statistic, &toys, executor);
    if (status == SBI_OK) status = find_critical(y);
    if (status != SBI_OK) {
        sbi_neyman_destroy(y);
        return status;
    }
    *out = y;
    return SBI_OK;
}

/* ---- questions ---- */

size_t sbi_neyman_n_values(const sbi_neyman *y)
{
    return y ? y->n : 0;
}

size_t sbi_neyman_n_levels(const sbi_neyman *y)
{
    return y ? y->n_levels : 0;
}

sbi_status sbi_neyman_values(const sbi_neyman *y, double *values)
{
    SBI_REQUIRE(y && values, "sbi_neyman_values: an argument is NULL");
    memcpy(values, y->values, y->n * sizeof *values);
    return SBI_OK;
}

sbi_status sbi_neyman_observed(const sbi_neyman *y, double *statistic)
{
    SBI_REQUIRE(y && statistic, "sbi_neyman_observed: an argument is NULL");
    memcpy(statistic, y->observed, y->n * sizeof *statistic);
    return SBI_OK;
}

sbi_status sbi_neyman_critical(const sbi_neyman *y, size_t level, double *critical, double *error)
{
    SBI_REQUIRE(y && critical, "sbi_neyman_critical: an argument is NULL");
    SBI_REQUIRE(level < y->n_levels, "sbi_neyman_critical: there is no level %zu", level);
    memcpy(critical, y->critical + level * y->n, y->n * sizeof *critical);
    if (error) memcpy(error, y->error + 2 * level * y->n, 2 * y->n * sizeof *error);
    return SBI_OK;
}

sbi_status sbi_neyman_p_values(const sbi_neyman *y, double *p, double *error)
{
    SBI_REQUIRE(y && p, "sbi_neyman_p_values: an argument is NULL");
    for (size_t i = 0; i < y->n; i++)
        SBI_TRY(sbi_toys_p_value(y->toys[i], y->column, y->observed[i], &p[i], error ? &error[i] : NULL));
    return SBI_OK;
}

const sbi_toys *sbi_neyman_toys(const sbi_neyman *y, size_t value)
{
    return y && value < y->n ? y->toys[value] : NULL;
}

sbi_status sbi_neyman_set(const sbi_neyman *y, size_t level, const double *statistic, size_t capacity, size_t *n_found, double *ends)
{
    SBI_REQUIRE(y && n_found && (ends || !capacity), "sbi_neyman_set: an argument is NULL");
    SBI_REQUIRE(level < y->n_levels, "sbi_neyman_set: there is no level %zu", level);
    const double *t = statistic ? statistic : y->observed, *c = y->critical + level * y->n;
    double before = 0;
    *n_found = 0;
    for (size_t i = 0; i < y->n; i++) {
        SBI_REQUIRE(!isnan(t[i]), "sbi_neyman_set: the statistic at %g is NaN", y->values[i]);
        const double above = t[i] - c[i];
        const int inside = above <= 0, was_inside = i > 0 && before <= 0;
        double edge = y->values[i];
        if (i > 0 && inside != was_inside) edge -= (y->values[i] - y->values[i - 1]) * above / (above - before);
        if (inside && !was_inside) {
            ++*n_found;
            if (*n_found <= capacity) ends[2 * (*n_found - 1)] = edge;
        }
        const int last = i + 1 == y->n;
        if (((was_inside && !inside) || (inside && last)) && *n_found <= capacity)
            ends[2 * (*n_found - 1) + 1] = inside ? y->values[i] : edge;
        before = above;
    }
    return SBI_OK;
}
