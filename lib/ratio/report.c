/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics as numbers, tables and JSON. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "io/json.h"
#include "ratio/diagnostics.h"

sbi_status sbi_diagnostics_summary_get(const sbi_diagnostics *diag, sbi_diagnostics_summary *summary)
{
    SBI_REQUIRE(diag && summary, "sbi_diagnostics_summary_get: diagnostics or summary is NULL");
    const uint32_t size = summary->struct_size;
    if (size < sizeof(uint32_t) || size > 4096)
        return sbi_fail(SBI_ERR_ABI, "sbi_diagnostics_summary_get: struct_size is %u", (unsigned)size);
    sbi_diagnostics_summary full = diag->summary;
    full.struct_size = size;
    if (size > sizeof full) memset((char *)summary + sizeof full, 0, size - sizeof full);
    memcpy(summary, &full, size < sizeof full ? size : sizeof full);
    return SBI_OK;
}

sbi_status sbi_diagnostics_table(const sbi_diagnostics *diag, int32_t table, size_t feature, sbi_array *view)
{
    SBI_REQUIRE(diag && view, "sbi_diagnostics_table: diagnostics or view is NULL");
    SBI_REQUIRE(feature < (table == SBI_TABLE_CLOSURE ? (size_t)diag->d : 1),
                "sbi_diagnostics_table: feature is %zu, there are %zu", feature, (size_t)diag->d);
    const sbi_table *t;
    switch (table) {
    case SBI_TABLE_CALIBRATION: t = &diag->calibration; break;
    case SBI_TABLE_ROC: t = &diag->roc; break;
    case SBI_TABLE_CLOSURE: t = &diag->closure[feature]; break;
    case SBI_TABLE_CLOSURE_SUMMARY: t = &diag->closure_summary; break;
    case SBI_TABLE_TAILS: t = &diag->tails; break;
    case SBI_TABLE_SHARES: t = &diag->shares; break;
    case SBI_TABLE_SCORES: t = &diag->scores; break;
    case SBI_TABLE_SPREAD: t = &diag->spread; break;
    default: return sbi_fail(SBI_ERR_ARGUMENT, "sbi_diagnostics_table: table is %d, expected one of SBI_TABLE_...", (int)table);
    }
    *view = sbi_array_2d(t->values, SBI_F64, t->rows, t->columns);
    return SBI_OK;
}

/* ---- JSON: {"summary": {...}, "calibration": {"columns": [...], "rows": [[...]]}, ..., "closure": {"x0": ...}} ---- */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *table_json(const sbi_table *t, const char *const *columns)
{
    json_t *names = json_array(), *rows = json_array();
    for (int64_t c = 0; c < t->columns; c++) json_array_append_new(names, json_string(columns[c]));
    for (int64_t r = 0; r < t->rows; r++) {
        json_t *row = json_array();
        for (int64_t c = 0; c < t->columns; c++) json_array_append_new(row, number(t->values[r * t->columns + c]));
        json_array_append_new(rows, row);
    }
    return json_pack("{s:o, s:o}", "columns", names, "rows", rows);
}

static json_t *summary_json(const sbi_diagnostics_summary *m)
{
    json_t *s = json_object();
    json_object_set_new(s, "features", json_integer(m->features));
    json_object_set_new(s, "numerator_events", json_integer(m->numerator_events));
    json_object_set_new(s, "denominator_events", json_integer(m->denominator_events));
    json_object_set_new(s, "calibration_dof", json_integer(m->calibration_dof));
    json_object_set_new(s, "closure_dof", json_integer(m->closure_dof));
    json_object_set_new(s, "closure_feature", json_integer(m->closure_feature));
    json_object_set_new(s, "wasserstein_feature", json_integer(m->wasserstein_feature));
    json_object_set_new(s, "constant_features", json_integer(m->constant_features));
    const struct {
        const char *key;
        double value;
    } reals[] = {{"loss", m->loss},
                 {"auc", m->auc},
                 {"normalisation", m->normalisation},
                 {"normalisation_error", m->normalisation_error},
                 {"inverse", m->inverse},
                 {"inverse_error", m->inverse_error},
                 {"ess", m->ess},
                 {"ess_fraction", m->ess_fraction},
                 {"calibration_chi2", m->calibration_chi2},
                 {"closure_chi2", m->closure_chi2},
                 {"spread_mean", m->spread_mean},
                 {"spread_max", m->spread_max},
                 {"calibration_p", m->calibration_p},
                 {"closure_p", m->closure_p},
                 {"wasserstein", m->wasserstein},
                 {"ks_numerator", m->ks_numerator},
                 {"ks_numerator_p", m->ks_numerator_p},
                 {"ks_denominator", m->ks_denominator},
                 {"ks_denominator_p", m->ks_denominator_p},
                 {"largest_share", m->largest_share},
                 {"top_share", m->top_share},
                 {"log_ratio_low", m->log_ratio_low},
                 {"log_ratio_high", m->log_ratio_high}};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) json_object_set_new(s, reals[i].key, number(reals[i].value));
    return s;
}

static json_t *diagnostics_json(const sbi_diagnostics *diag)
{
    static const char *const calibration[] = {"low", "high", "mean", "observed", "error", "pull", "weight"};
    static const char *const roc[] = {"log_ratio", "numerator", "denominator"};
    static const char *const closure[] = {"low",        "high",             "numerator",   "numerator_error",
                                          "reweighted", "reweighted_error", "denominator", "pull"};
    static const char *const closure_summary[] = {"chi2", "dof", "chi2_before", "p", "wasserstein", "wasserstein_before", "unit"};
    static const char *const tails[] = {"probability", "numerator", "denominator"};
    static const char *const shares[] = {"events", "fraction", "share"};
    static const char *const scores[] = {"low", "high", "numerator_training", "numerator_training_error", "numerator_held_out",
                                         "numerator_held_out_error", "denominator_training", "denominator_training_error",
                                         "denominator_held_out", "denominator_held_out_error"};
    static const char *const spread[] = {"low", "high", "mean", "largest"};
    json_t *all = json_object(), *features = json_object();
    for (int64_t j = 0; j < diag->d; j++) json_object_set_new(features, diag->names[j], table_json(&diag->closure[j], closure));
    json_object_set_new(all, "summary", summary_json(&diag->summary));
    json_object_set_new(all, "calibration", table_json(&diag->calibration, calibration));
    json_object_set_new(all, "roc", table_json(&diag->roc, roc));
    json_object_set_new(all, "closure", features);
    json_object_set_new(all, "closure_summary", table_json(&diag->closure_summary, closure_summary));
    json_object_set_new(all, "tails", table_json(&diag->tails, tails));
    json_object_set_new(all, "shares", table_json(&diag->shares, shares));
    if (diag->scores.rows) json_object_set_new(all, "scores", table_json(&diag->scores, scores));
    if (diag->spread.rows) json_object_set_new(all, "spread", table_json(&diag->spread, spread));
    return all;
}

sbi_status sbi_diagnostics_write(const sbi_diagnostics *diag, const char *path)
{
    SBI_REQUIRE(diag && path, "sbi_diagnostics_write: diagnostics or path is NULL");
    json_t *all = diagnostics_json(diag);
    if (!all) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", path);
    sbi_text text;
    sbi_text_init(&text, diag->ctx);
    sbi_status status = sbi_json_pretty(&text, all);
    json_decref(all);
    if (status == SBI_OK) status = sbi_file_write(diag->ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}
