/* SPDX-License-Identifier: Apache-2.0 */
/* A fit's result as JSON. */
#include "io/json.h"

#include <math.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fit/fit.h"

#define FORMAT_VERSION 1

/* jansson keeps the failure: adding NULL to anything fails, and so does adding to NULL. */
static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static int set_number(json_t *object, const char *key, double v)
{
    return json_object_set_new(object, key, number(v));
}

static int set_integer(json_t *object, const char *key, int64_t v)
{
    return json_object_set_new(object, key, json_integer((json_int_t)v));
}

static int set_string(json_t *object, const char *key, const char *v)
{
    return json_object_set_new(object, key, json_string(v));
}

static json_t *vector(const double *v, size_t n, size_t stride)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < n; i++) {
        if (json_array_append_new(array, number(v[i * stride])) == 0) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *matrix(const double *v, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < n; i++) {
        if (json_array_append_new(array, vector(v + i * n, n, 1)) == 0) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

static const char *const state_names[4] = {"free", "fixed", "at lower limit", "at upper limit"};

static int add_parameters(const sbi_fit *fit, json_t *root, const double *errors, const double *rho)
{
    const sbi_fit_objective *o = fit->objective;
    const sbi_fit_point *p = fit->best;
    json_t *list = json_array();
    int failed = 0;
    for (size_t k = 0; k < p->n && !failed; k++) {
        json_t *entry = json_object();
        double sigma = o->sigma[k];
        failed |= set_string(entry, "name", o->names[k]);
        failed |= set_number(entry, "value", p->x[k]);
        failed |= set_number(entry, "error", errors ? errors[k] : NAN);
        failed |= set_number(entry, "global_correlation", rho ? rho[k] : NAN);
        failed |= set_string(entry, "state", state_names[p->state[k]]);
        failed |= set_number(entry, "lower", o->lower[k]);
        failed |= set_number(entry, "upper", o->upper[k]);
        failed |= set_number(entry, "start", o->start[k]);
        failed |= set_number(entry, "gradient", p->g[k]);
        failed |= set_number(entry, "pull", sigma > 0 ? (p->x[k] - o->center[k]) / sigma : NAN);
        failed |= set_number(entry, "constraint", sigma > 0 && errors ? errors[k] / sigma : NAN);
        failed |= json_array_append_new(list, entry);
    }
    failed |= json_object_set_new(root, "parameters", list);
    return failed;
}

static int add_evaluations(const sbi_fit_info *info, json_t *root)
{
    json_t *e = json_object();
    int failed = set_integer(e, "value", info->value_evaluations);
    failed |= set_integer(e, "gradient", info->gradient_evaluations);
    failed |= set_integer(e, "hessian", info->hessian_evaluations);
    failed |= set_integer(e, "hvp", info->hvp_evaluations);
    failed |= set_integer(e, "infinite", info->infinite_evaluations);
    failed |= json_object_set_new(root, "evaluations", e);
    return failed;
}

/* The smallest eigenvalue with its direction by names, the parts that matter. */
static int add_curvature(const sbi_fit *fit, json_t *root)
{
    const sbi_fit_point *p = fit->best;
    json_t *c = json_object(), *direction = json_object();
    int failed = set_number(c, "smallest_eigenvalue", p->smallest);
    failed |= set_number(c, "condition", p->largest / p->smallest);
    for (size_t k = 0; k < p->n && !isnan(p->smallest); k++) {
        double part = p->least[k] / p->scale[k];
        if (fabs(part) >= 1e-3) failed |= set_number(direction, fit->objective->names[k], part);
    }
    failed |= json_object_set_new(c, "direction", direction);
    failed |= json_object_set_new(root, "curvature", c);
    return failed;
}

static int add_minima(const sbi_fit *fit, json_t *root)
{
    json_t *list = json_array();
    int failed = 0;
    for (size_t i = 0; i < fit->minima.count && !failed; i++) {
        const struct sbi_fit_kept_minimum *m = &fit->minima.list[i];
        json_t *entry = json_object();
        failed |= set_number(entry, "nll", m->f);
        failed |= set_integer(entry, "starts", m->starts);
        failed |= json_object_set_new(entry, "global", json_boolean(i == 0));
        failed |= json_object_set_new(entry, "at_limit", json_boolean(m->reason == SBI_FIT_AT_LIMIT));
        failed |= json_object_set_new(entry, "values", vector(m->x, fit->best->n, 1));
        failed |= json_array_append_new(list, entry);
    }
    failed |= json_object_set_new(root, "minima", list);
    return failed;
}

/* covariance, correlation [n, n] or NULL */
static int add_all(const sbi_fit *fit, const sbi_fit_info *info, const double *errors, const double *rho, const double *correlation,
                   json_t *root)
{
    size_t n = fit->best->n;
    int failed = set_string(root, "format", "sbi_fit");
    failed |= set_integer(root, "version", FORMAT_VERSION);
    failed |= set_integer(root, "reason", info->reason);
    failed |= set_string(root, "reason_text", sbi_fit_reason_text(info->reason));
    failed |= set_string(root, "message", fit->message);
    failed |= json_object_set_new(root, "converged", json_boolean(info->reason < 10));
    failed |= set_integer(root, "method", info->method);
    failed |= set_number(root, "nll", info->nll);
    failed |= set_number(root, "error_level", fit->level);
    failed |= set_number(root, "tolerance", fit->tolerance);
    failed |= set_number(root, "edm", info->edm);
    failed |= set_number(root, "seconds", info->seconds);
    failed |= set_integer(root, "iterations", info->iterations);
    failed |= set_integer(root, "starts", info->n_starts);
    failed |= set_integer(root, "failed_starts", info->n_failed_starts);
    failed |= add_evaluations(info, root);
    failed |= add_parameters(fit, root, errors, rho);
    failed |= add_curvature(fit, root);
    failed |= add_minima(fit, root);
    failed |= json_object_set_new(root, "covariance", correlation ? matrix(fit->covariance, n) : json_null());
    failed |= json_object_set_new(root, "correlation", correlation ? matrix(correlation, n) : json_null());
    return failed;
}

static sbi_status write(const sbi_fit *fit, const char *path, double *scratch, json_t *root)
{
    size_t n = fit->best->n;
    sbi_fit_info info = {.struct_size = sizeof info};
    SBI_TRY(sbi_fit_get_info(fit, &info));
    double *errors = NULL, *rho = NULL, *correlation = NULL;
    if (info.has_covariance) {
        errors = scratch;
        rho = scratch + n;
        correlation = scratch + 2 * n;
        SBI_TRY(sbi_fit_errors(fit, errors));
        SBI_TRY(sbi_fit_global_correlations(fit, rho));
        SBI_TRY(sbi_fit_correlation(fit, correlation));
    }
    if (!root || add_all(fit, &info, errors, rho, correlation, root))
        return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_fit_write_json: %s: out of memory, or a name that is not UTF-8", path);
    sbi_text text;
    sbi_text_init(&text, fit->ctx);
    sbi_status status = sbi_json_pretty(&text, root);
    if (status == SBI_OK) status = sbi_file_write(fit->ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

sbi_status sbi_fit_write_json(const sbi_fit *fit, const char *path)
{
    SBI_REQUIRE(fit && path && path[0], "sbi_fit_write_json: fit or path is NULL or empty");
    size_t n = fit->best->n, size = fit->covariance_status == SBI_OK ? n * (n + 2) : 1;
    double *scratch = sbi_alloc_array(fit->ctx, size, sizeof *scratch);
    if (!scratch) return SBI_ERR_NO_MEMORY;
    json_t *root = json_object();
    sbi_status status = write(fit, path, scratch, root);
    json_decref(root);
    sbi_free(fit->ctx, scratch);
    return status;
}
