/* SPDX-License-Identifier: Apache-2.0 */
/* The fit, its exact Hessian here and in rows through the executor, MINOS, the scan of t_mu beside the true curves, impacts.
 * Writes results.json and the arrays in results/. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curve.h"
#include "job.h"

static const double MU_MAX = 3.0; /* of the scan and of the search for minima */
enum { MINIMA_MOST = 8 };

/* A fit at the deepest minimum along mu, and all minima. */
typedef struct fitted {
    sbi_model *model;
    sbi_fit *fit;
    size_t n_minima;
    double position[MINIMA_MOST], nll[MINIMA_MOST];
} fitted;

static void fitted_clear(fitted *f)
{
    sbi_fit_destroy(f->fit);
    sbi_model_destroy(f->model);
}

static sbi_status fit_from(sbi_fit **out, const sbi_model *model, double mu)
{
    static const char *const name[] = {"mu"};
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    options.n_start = 1;
    options.start_names = name;
    options.start_values = &mu;
    return sbi_fit_run(out, model, &options);
}

static sbi_status fit_workspace(const job *j, const char *file, fitted *f)
{
    memset(f, 0, sizeof *f);
    JOB_TRY(sbi_model_load(&f->model, j->ctx, job_file(j, "%s", file).text));
    JOB_TRY(fit_from(&f->fit, f->model, 1.0));
    JOB_TRY(sbi_fit_minima(f->fit, "mu", 1e-4, MU_MAX, (size_t)j->options.scan_points, MINIMA_MOST, &f->n_minima,
                           f->position, f->nll, NULL));
    if (f->n_minima > MINIMA_MOST) f->n_minima = MINIMA_MOST;
    double deepest;
    JOB_TRY(sbi_fit_nll(f->fit, &deepest));
    for (size_t i = 0; i < f->n_minima; i++) {
        if (!(f->nll[i] < deepest - 1e-6)) continue;
        deepest = f->nll[i];
        sbi_fit_destroy(f->fit);
        f->fit = NULL;
        JOB_TRY(fit_from(&f->fit, f->model, f->position[i]));
    }
    return SBI_OK;
}

static sbi_status write_array(const job *j, const char *name, const double *values, int64_t rows, int64_t columns)
{
    sbi_array a = columns ? sbi_array_2d(values, SBI_F64, rows, columns) : sbi_array_1d(values, SBI_F64, rows);
    return sbi_npy_write(j->ctx, job_file(j, "results/%s.npy", name).text, &a);
}

/* The Hessian at once and in rows through the executor: every bit must agree. */
static sbi_status hessian_both_ways(const job *j, fitted *f, size_t n)
{
    double *here = job_doubles(n * n), *rows = job_doubles(n * n);
    sbi_status status = here && rows ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_fit_hessian(f->fit, NULL, here);
    if (status == SBI_OK) status = sbi_fit_hessian(f->fit, j->exec, rows);
    if (status == SBI_OK && memcmp(here, rows, n * n * sizeof *here) != 0) {
        fprintf(stderr, "offshell_higgs: the Hessian's rows from the executor differ from the local Hessian\n");
        status = SBI_ERR_INTERNAL;
    }
    if (status == SBI_OK) status = write_array(j, "hessian", here, (int64_t)n, (int64_t)n);
    if (status == SBI_OK) status = sbi_fit_covariance(f->fit, rows);
    if (status == SBI_OK) status = write_array(j, "covariance", rows, (int64_t)n, (int64_t)n);
    free(here);
    free(rows);
    return status;
}

/* t of a profile scan against the deepest value known. */
static sbi_status scan(fitted *f, const double *mu, size_t n, double *t)
{
    double best;
    JOB_TRY(sbi_fit_nll(f->fit, &best));
    JOB_TRY(sbi_fit_profile(f->fit, "mu", mu, n, t, NULL));
    for (size_t i = 0; i < n; i++) t[i] = 2 * (t[i] - best);
    return SBI_OK;
}

/* The exact curve without nuisances. */
static sbi_status true_curve(const job *j, const double *mu, size_t n, double *t)
{
    double *ratio[OFFSHELL_PROCESSES] = {NULL}, *weight = NULL;
    const double *view[OFFSHELL_PROCESSES];
    size_t events = 0;
    sbi_status status = job_read_doubles(j, job_file(j, "data/observed_weights.npy").text, &weight, &events);
    for (int p = 0; p < OFFSHELL_PROCESSES && status == SBI_OK; p++) {
        status = job_read_doubles(j, job_file(j, "truth/observed_%s.npy", offshell_process_name[p]).text, &ratio[p], &events);
        view[p] = ratio[p];
    }
    if (status == SBI_OK) status = offshell_curve(j->simulator, view, weight, events, MU_MAX, mu, n, t);
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) free(ratio[p]);
    free(weight);
    return status;
}

/* A number, or null where it is not finite: JSON has no NaN. */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *numbers(const double *x, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, number(x[i]));
    return list;
}

static json_t *describe_fit(const fitted *f)
{
    sbi_fit_info info = {.struct_size = sizeof info};
    sbi_fit_get_info(f->fit, &info);
    json_t *minima = json_array();
    for (size_t i = 0; i < f->n_minima; i++)
        json_array_append_new(minima, json_pack("{s:o, s:o, s:o}", "mu", number(f->position[i]), "nll", number(f->nll[i]), "t",
                                                number(2 * (f->nll[i] - info.nll))));
    double mu = NAN, error = NAN;
    sbi_fit_value(f->fit, "mu", &mu);
    if (sbi_fit_error(f->fit, "mu", &error) != SBI_OK) error = NAN;
    return json_pack("{s:b, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "converged", info.reason < 10, "reason",
                     sbi_fit_reason_text(info.reason), "mu", number(mu), "error", number(error), "nll", number(info.nll), "edm",
                     number(info.edm), "gradients", (json_int_t)info.gradient_evaluations, "hessians",
                     (json_int_t)info.hessian_evaluations, "minima", minima);
}

static sbi_status add_parameters(const job *j, fitted *f, size_t n, json_t *results)
{
    double *work = job_doubles(6 * n);
    if (!work) return SBI_ERR_NO_MEMORY;
    double *value = work, *error = work + n, *postfit = work + 2 * n, *prefit = work + 3 * n, *pull = work + 4 * n,
           *constraint = work + 5 * n;
    sbi_status status = sbi_fit_values(f->fit, value);
    if (status == SBI_OK) status = sbi_fit_errors(f->fit, error);
    if (status == SBI_OK) status = sbi_fit_impacts(f->fit, "mu", postfit, prefit);
    if (status == SBI_OK) status = sbi_fit_pulls(f->fit, pull, constraint);
    if (status == SBI_OK) status = write_array(j, "impacts", postfit, (int64_t)n, 0);
    json_t *list = json_array();
    for (size_t i = 0; i < n && status == SBI_OK; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", sbi_fit_param_name(f->fit, i),
                                              "value", number(value[i]), "error", number(error[i]), "impact",
                                              number(postfit[i]), "impact_prefit", number(prefit[i]), "pull", number(pull[i]),
                                              "constraint", number(constraint[i])));
    json_object_set_new(results, "parameters", list);
    free(work);
    return status;
}

static sbi_status add_scan(const job *j, fitted *learnt, fitted *truth, json_t *results)
{
    size_t n = (size_t)j->options.scan_points;
    double *work = job_doubles(4 * n);
    if (!work) return SBI_ERR_NO_MEMORY;
    double *mu = work, *t = work + n, *exact = work + 2 * n, *nominal = work + 3 * n;
    for (size_t i = 0; i < n; i++) mu[i] = 0.005 + (MU_MAX - 0.005) * (double)i / (double)(n - 1);
    sbi_status status = scan(learnt, mu, n, t);
    if (status == SBI_OK && truth == learnt) memcpy(exact, t, n * sizeof *exact);
    if (status == SBI_OK && truth != learnt) status = scan(truth, mu, n, exact);
    if (status == SBI_OK) status = true_curve(j, mu, n, nominal);
    /* Columns of the array: mu, t learnt, t exact, t exact at alpha = 0. */
    double *table = job_doubles(4 * n);
    if (!table) status = SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++)
        for (size_t k = 0; k < 4; k++) table[4 * i + k] = work[k * n + i];
    if (status == SBI_OK) status = write_array(j, "scan", table, (int64_t)n, 4);
    json_object_set_new(results, "scan",
                        json_pack("{s:o, s:o, s:o, s:o}", "mu", numbers(mu, n), "t", numbers(t, n), "t_true",
                                  numbers(exact, n), "t_true_nominal", numbers(nominal, n)));
    free(table);
    free(work);
    return status;
}

static sbi_status write_results(const job *j, json_t *results)
{
    char *text = json_dumps(results, JSON_INDENT(1) | JSON_SORT_KEYS);
    sbi_status status = text ? job_write_text(job_file(j, "results.json").text, text, strlen(text)) : SBI_ERR_NO_MEMORY;
    free(text);
    return status;
}

static sbi_status fit_all(const job *j, fitted *learnt, fitted *truth, json_t *results)
{
    JOB_TRY(fit_workspace(j, "workspace.json", learnt));
    /* With --truth-ratios both would be the same model. */
    if (j->options.truth_ratios)
        truth = learnt;
    else
        JOB_TRY(fit_workspace(j, "workspace_truth.json", truth));
    size_t n = sbi_fit_n_params(learnt->fit);
    JOB_TRY(hessian_both_ways(j, learnt, n));
    json_object_set_new(results, "fit", describe_fit(learnt));
    json_object_set_new(results, "fit_true_ratios", describe_fit(truth));
    double minos[2];
    JOB_TRY(sbi_fit_minos(learnt->fit, "mu", minos));
    json_object_set_new(results, "minos", numbers(minos, 2));
    JOB_TRY(sbi_fit_minos(truth->fit, "mu", minos));
    json_object_set_new(results, "minos_true_ratios", numbers(minos, 2));
    JOB_TRY(add_parameters(j, learnt, n, results));
    JOB_TRY(add_scan(j, learnt, truth, results));
    return write_results(j, results);
}

sbi_status stage_fit(job *j)
{
    JOB_TRY(job_folder_make(j, "results"));
    json_t *results = json_pack("{s:f, s:I, s:{s:s, s:i}, s:s}", "mu_true", j->options.mu, "seed",
                                (json_int_t)j->options.seed, "versions", "libsbi", sbi_version_string(), "abi",
                                sbi_abi_version(), "resources", "resources.json");
    fitted learnt = {0}, truth = {0};
    sbi_status status = fit_all(j, &learnt, &truth, results);
    job_say(status, "fit");
    json_decref(results);
    fitted_clear(&learnt);
    fitted_clear(&truth);
    return status;
}
