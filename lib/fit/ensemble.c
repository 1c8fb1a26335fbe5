/* SPDX-License-Identifier: Apache-2.0 */
/* What the finite ensemble of networks adds to the covariance of a fit: the jackknife over its members, by gradients at the best fit. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "fit/ensemble.h"
#include "fit/selection.h"

void sbi_ensemble_options_init(sbi_ensemble_options *options)
{
    if (!options) return;
    const sbi_ensemble_options defaults = SBI_ENSEMBLE_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_ensemble_options_read(sbi_ensemble_options *o, const sbi_ensemble_options *given)
{
    sbi_ensemble_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, given, "sbi_ensemble_options"));
    SBI_REQUIRE(o->dependence == SBI_MEMBERS_INDEPENDENT || o->dependence == SBI_MEMBERS_BOOTSTRAP,
                "sbi_ensemble_options: dependence is %d", (int)o->dependence);
    SBI_REQUIRE(o->combination == SBI_MEMBERS_MEAN_RATIO || o->combination == SBI_MEMBERS_MEAN_LOG,
                "sbi_ensemble_options: combination is %d, expected SBI_MEMBERS_MEAN_RATIO or SBI_MEMBERS_MEAN_LOG", (int)o->combination);
    SBI_REQUIRE(o->max_modes >= 0, "sbi_ensemble_options: max_modes is %d", (int)o->max_modes);
    SBI_REQUIRE(o->fraction > 0 && o->fraction <= 1, "sbi_ensemble_options: fraction is %g, expected 0 < fraction <= 1", o->fraction);
    return SBI_OK;
}

/* One array of members, summed, and what is left without one of them. */
typedef struct column {
    const sbi_array *members;
    int32_t logarithms, reserved_;
    int64_t n;
    double *total, *left; /* [n] sum over members; combination without member m */
    sbi_array view;       /* of left */
    char name[200];
} column;

typedef struct jackknife {
    const sbi_fit *fit;
    sbi_context *ctx;
    const sbi_ensemble_options *options;
    const sbi_member_columns *columns;
    column *list; /* [n_columns, 2]: events, integration sample */
    sbi_ratio_replacement *replacements;
    size_t n_columns, M, P;
    double *shifts; /* [M, P] */
} jackknife;

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static int32_t in_logarithms(const jackknife *j)
{
    return j->options->combination == SBI_MEMBERS_MEAN_LOG;
}

static sbi_status open_column(jackknife *j, column *c, const sbi_array *members, const sbi_member_columns *from, int64_t n, const char *which)
{
    const sbi_model *model = j->fit->model;
    snprintf(c->name, sizeof c->name, "%.60s: %.60s: %s", sbi_model_channel_name(model, from->channel),
             sbi_model_sample_name(model, from->channel, from->sample), which);
    SBI_TRY(sbi_members_check(members, c->name, n, j->M));
    j->M = (size_t)members->shape[1];
    c->members = members;
    c->logarithms = from->logarithms != 0;
    c->n = members->shape[0];
    c->total = sbi_alloc_zero(j->ctx, (size_t)c->n, sizeof *c->total);
    c->left = sbi_alloc_array(j->ctx, (size_t)c->n, sizeof *c->left);
    if (!c->total || !c->left) return SBI_ERR_NO_MEMORY;
    c->view = sbi_array_1d(c->left, SBI_F64, c->n);
    for (size_t m = 0; m < j->M; m++) {
        SBI_TRY(sbi_check_cancel(j->ctx, "sbi_ensemble_covariance"));
        SBI_TRY(sbi_members_read(members, c->logarithms, in_logarithms(j), c->name, m, 0, c->n, c->left));
        for (int64_t i = 0; i < c->n; i++) c->total[i] += c->left[i];
    }
    return SBI_OK;
}

static sbi_status open_columns(jackknife *j)
{
    const sbi_model *model = j->fit->model;
    for (size_t i = 0; i < j->n_columns; i++) {
        const sbi_member_columns *from = &j->columns[i];
        if (from->struct_size != sizeof *from)
            return sbi_fail(SBI_ERR_ABI, "sbi_member_columns: struct_size is %u, expected %zu", (unsigned)from->struct_size, sizeof *from);
        SBI_REQUIRE(sbi_model_sample_name(model, from->channel, from->sample), "columns %zu: the model has no channel %zu with a sample %zu",
                    i, from->channel, from->sample);
        SBI_REQUIRE(from->members, "columns %zu: members is NULL", i);
        for (size_t k = 0; k < i; k++)
            SBI_REQUIRE(j->columns[k].channel != from->channel || j->columns[k].sample != from->sample,
                        "columns %zu and %zu are of the same channel and sample", k, i);
        SBI_TRY(open_column(j, &j->list[2 * i], from->members, from, sbi_model_n_events(model, from->channel), "members"));
        if (from->integration)
            SBI_TRY(open_column(j, &j->list[2 * i + 1], from->integration, from, -1, "members over the integration sample"));
        j->replacements[i] = (sbi_ratio_replacement){.struct_size = (uint32_t)sizeof(sbi_ratio_replacement),
                                                     .channel = from->channel,
                                                     .sample = from->sample,
                                                     .ratio = &j->list[2 * i].view,
                                                     .integration_ratio = from->integration ? &j->list[2 * i + 1].view : NULL};
    }
    return SBI_OK;
}

static sbi_status leave_out(const jackknife *j, size_t m)
{
    for (size_t i = 0; i < 2 * j->n_columns; i++) {
        column *c = &j->list[i];
        if (!c->members) continue;
        SBI_TRY(sbi_members_read(c->members, c->logarithms, in_logarithms(j), c->name, m, 0, c->n, c->left));
        for (int64_t row = 0; row < c->n; row++) {
            const double mean = (c->total[row] - c->left[row]) / (double)(j->M - 1);
            c->left[row] = in_logarithms(j) ? exp(mean) : mean;
        }
    }
    return SBI_OK;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* The gradient at the best fit without member m. */
static sbi_status gradient_without(const jackknife *j, size_t m, double *gradient)
{
    sbi_model *model = NULL;
    sbi_model_work *work = NULL;
    double value = NAN;
    SBI_TRY(leave_out(j, m));
    SBI_TRY(sbi_model_replace_ratios(&model, j->fit->model, j->replacements, j->n_columns));
    sbi_status status = sbi_model_work_create(&work, model);
    if (status == SBI_OK) status = sbi_model_nll(work, j->fit->best->x, &value, gradient);
    if (status == SBI_OK && !isfinite(value))
        status = sbi_fail(SBI_ERR_DOMAIN, "sbi_ensemble_covariance: without member %zu the likelihood does not exist at the best fit", m);
    sbi_model_work_destroy(work);
    sbi_model_destroy(model);
    return status;
}

/* shifts[m] = -H^-1 (g_(m) - g) */
static sbi_status find_shifts(const jackknife *j)
{
    const sbi_fit *fit = j->fit;
    double *g = sbi_alloc_array(j->ctx, j->P, sizeof *g);
    sbi_status status = g ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t m = 0; m < j->M && status == SBI_OK; m++) {
        status = gradient_without(j, m, g);
        for (size_t k = 0; k < j->P && status == SBI_OK; k++) {
            double sum = 0;
            for (size_t i = 0; i < j->P; i++) sum -= fit->covariance[k * j->P + i] * (g[i] - fit->best->g[i]);
            j->shifts[m * j->P + k] = sum / (2 * fit->level);
        }
        sbi_progress(j->ctx, "ensemble", (double)(m + 1), (double)j->M, "member %zu", m);
    }
    sbi_free(j->ctx, g);
    return status;
}

static void add_up(const jackknife *j, double *covariance)
{
    const double M = (double)j->M, factor = (M - 1) / M * (j->options->dependence == SBI_MEMBERS_BOOTSTRAP ? M : 1);
    double *d = j->shifts;
    memset(covariance, 0, j->P * j->P * sizeof *covariance);
    for (size_t i = 0; i < j->P; i++) {
        for (size_t k = 0; k <= i; k++) {
            double first = 0, second = 0, sum = 0;
            for (size_t m = 0; m < j->M; m++) {
                first += d[m * j->P + i] / M;
                second += d[m * j->P + k] / M;
            }
            for (size_t m = 0; m < j->M; m++) sum += (d[m * j->P + i] - first) * (d[m * j->P + k] - second);
            covariance[i * j->P + k] = covariance[k * j->P + i] = factor * sum;
        }
    }
}

static sbi_status run(jackknife *j, double *covariance, double *shifts)
{
    j->list = sbi_alloc_zero(j->ctx, 2 * j->n_columns, sizeof *j->list);
    j->replacements = sbi_alloc_zero(j->ctx, j->n_columns, sizeof *j->replacements);
    if (!j->list || !j->replacements) return SBI_ERR_NO_MEMORY;
    SBI_TRY(open_columns(j));
    j->shifts = sbi_alloc_array(j->ctx, j->M, j->P * sizeof *j->shifts);
    if (!j->shifts) return SBI_ERR_NO_MEMORY;
    SBI_TRY(find_shifts(j));
    add_up(j, covariance);
    if (shifts) memcpy(shifts, j->shifts, j->M * j->P * sizeof *shifts);
    return SBI_OK;
}

sbi_status sbi_ensemble_covariance(const sbi_fit *fit, const sbi_member_columns *columns, size_t n_columns,
                                   const sbi_ensemble_options *options, double *covariance, double *shifts)
{
    sbi_ensemble_options opt;
    SBI_REQUIRE(fit && columns && n_columns && covariance, "sbi_ensemble_covariance: fit, columns or covariance is NULL, or n_columns 0");
    SBI_TRY(sbi_ensemble_options_read(&opt, options));
    if (!fit->model) return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_ensemble_covariance: the fit is one of an objective, which has no ratios");
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_ensemble_covariance"));
    SBI_TRY(sbi_fit_require_covariance(fit, "sbi_ensemble_covariance"));
    jackknife j = {.fit = fit, .ctx = fit->ctx, .options = &opt, .columns = columns, .n_columns = n_columns, .P = fit->best->n};
    sbi_status status = run(&j, covariance, shifts);
    for (size_t i = 0; j.list && i < 2 * n_columns; i++) {
        sbi_free(j.ctx, j.list[i].total);
        sbi_free(j.ctx, j.list[i].left);
    }
    sbi_free(j.ctx, j.list);
    sbi_free(j.ctx, j.replacements);
    sbi_free(j.ctx, j.shifts);
    return status;
}
