/* SPDX-License-Identifier: Apache-2.0 */
/* Simulation: samples as .npy under data/, exact ratios under truth/. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* Features as they are generated, in blocks; the truth behind them, for ratios. */
typedef struct sample_arrays {
    size_t n;
    float *features;
    double *truth, *weight, *ratio[OFFSHELL_PROCESSES];
} sample_arrays;

static void arrays_free(sample_arrays *a)
{
    free(a->features);
    free(a->truth);
    free(a->weight);
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) free(a->ratio[p]);
}

static sbi_status arrays_fill(const job *j, sample_arrays *a, const offshell_sample *sample, size_t n)
{
    memset(a, 0, sizeof *a);
    a->n = n;
    a->features = malloc((n ? n : 1) * OFFSHELL_FEATURES * sizeof *a->features);
    a->truth = job_doubles(n * OFFSHELL_TRUTH_DIM);
    a->weight = job_doubles(n);
    offshell_columns columns = {.features = a->features, .truth = a->truth, .weight = a->weight};
    int whole = a->features && a->truth && a->weight;
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        columns.ratio[p] = a->ratio[p] = job_doubles(n);
        whole = whole && a->ratio[p];
    }
    sbi_status status = whole ? offshell_fill(j->simulator, sample, 0, n, &columns) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) {
        fprintf(stderr, "offshell_higgs: simulation failed (%s)\n", sbi_status_name(status));
        arrays_free(a);
    }
    return status;
}

static sbi_status write_features(const job *j, const char *stem, const sample_arrays *a)
{
    sbi_array view = sbi_array_2d(a->features, SBI_F32, (int64_t)a->n, OFFSHELL_FEATURES);
    return job_say(sbi_npy_write(j->ctx, job_file(j, "data/%s.npy", stem).text, &view), "writing features");
}

/* Logarithms of the exact variation ratios of one sample for every process and nuisance, f32. */
static sbi_status write_true_variations(const job *j, const char *stem, const sample_arrays *a)
{
    double *hi = job_doubles(a->n), *lo = job_doubles(a->n);
    sbi_status status = hi && lo ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (int k = 0; k < j->options.nuisances && status == SBI_OK; k++) {
        for (int p = 0; p < OFFSHELL_PROCESSES && status == SBI_OK; p++) {
            if (!offshell_nuisance_acts(offshell_nuisance_of(j->simulator, k), p)) continue;
            status = offshell_variation_ratios(j->simulator, p, k, a->truth, a->n, hi, lo);
            for (size_t i = 0; i < a->n; i++) {
                hi[i] = log(hi[i]);
                lo[i] = log(lo[i]);
            }
            const char *process = offshell_process_name[p];
            if (status == SBI_OK)
                status = job_write_column(j, job_file(j, "truth/%s_%s_%d_hi.npy", stem, process, k).text, hi, a->n, SBI_F32);
            if (status == SBI_OK)
                status = job_write_column(j, job_file(j, "truth/%s_%s_%d_lo.npy", stem, process, k).text, lo, a->n, SBI_F32);
        }
    }
    free(hi);
    free(lo);
    return status;
}

/* Data or integration sample: features, weights, and everything exact about it. */
static sbi_status simulate_evaluated(const job *j, const char *stem, const offshell_sample *sample, size_t n, double weight)
{
    sample_arrays a;
    JOB_TRY(arrays_fill(j, &a, sample, n));
    for (size_t i = 0; i < n; i++) a.weight[i] *= weight;
    sbi_status status = j->options.truth_ratios ? SBI_OK : write_features(j, stem, &a);
    if (status == SBI_OK)
        status = job_write_column(j, job_file(j, "data/%s_weights.npy", stem).text, a.weight, n, SBI_F64);
    for (int p = 0; p < OFFSHELL_PROCESSES && status == SBI_OK; p++)
        status = job_write_column(j, job_file(j, "truth/%s_%s.npy", stem, offshell_process_name[p]).text, a.ratio[p], n,
                                  SBI_F64);
    if (status == SBI_OK) status = write_true_variations(j, stem, &a);
    arrays_free(&a);
    return status;
}

/* A training or test sample of a process (or of the reference: process -1), with the weights of its variations. */
static sbi_status simulate_class(const job *j, int process, uint64_t number, size_t n, const char *suffix, int variations)
{
    offshell_sample sample = {.kind = process < 0 ? OFFSHELL_REFERENCE : OFFSHELL_PROCESS,
                              .process = process < 0 ? 0 : process,
                              .number = number};
    char stem[64];
    snprintf(stem, sizeof stem, "%s%s", process < 0 ? "reference" : offshell_process_name[process], suffix);
    sample_arrays a;
    JOB_TRY(arrays_fill(j, &a, &sample, n));
    sbi_status status = write_features(j, stem, &a);
    /* ln r of the truth, to compare what was learnt with. */
    for (int p = 0; p < OFFSHELL_PROCESSES && status == SBI_OK && number == NUMBER_TEST; p++)
        status = job_write_column(j, job_file(j, "truth/%s_%s.npy", stem, offshell_process_name[p]).text, a.ratio[p], n,
                                  SBI_F64);
    double *hi = job_doubles(n), *lo = job_doubles(n);
    if (!hi || !lo) status = SBI_ERR_NO_MEMORY;
    for (int k = 0; k < j->options.nuisances && status == SBI_OK && variations; k++) {
        if (!offshell_nuisance_acts(offshell_nuisance_of(j->simulator, k), process)) continue;
        status = offshell_variation_ratios(j->simulator, process, k, a.truth, n, hi, lo);
        if (status == SBI_OK) status = job_write_column(j, job_file(j, "data/%s_%d_hi.npy", stem, k).text, hi, n, SBI_F64);
        if (status == SBI_OK) status = job_write_column(j, job_file(j, "data/%s_%d_lo.npy", stem, k).text, lo, n, SBI_F64);
    }
    free(hi);
    free(lo);
    arrays_free(&a);
    return status;
}

sbi_status stage_simulate(job *j)
{
    const job_options *o = &j->options;
    JOB_TRY(job_folder_make(j, "data"));
    JOB_TRY(job_folder_make(j, "truth"));
    if (!o->truth_ratios) {
        for (int p = -1; p < OFFSHELL_PROCESSES; p++) {
            JOB_TRY(simulate_class(j, p, NUMBER_TRAIN, (size_t)o->events, "", p >= 0));
            JOB_TRY(simulate_class(j, p, NUMBER_TEST, (size_t)o->events / 4, "_test", 0));
        }
    }
    offshell_sample integration = {.kind = OFFSHELL_REFERENCE, .number = NUMBER_INTEGRATION};
    JOB_TRY(simulate_evaluated(j, "integration", &integration, (size_t)o->integration, 1.0 / (double)o->integration));
    if (!o->poisson) {
        offshell_sample data = {.kind = OFFSHELL_ASIMOV, .point = j->point, .total = (uint64_t)o->events};
        return simulate_evaluated(j, "observed", &data, (size_t)o->events, 1);
    }
    offshell_sample data = {.kind = OFFSHELL_OBSERVED, .point = j->point};
    return simulate_evaluated(j, "observed", &data, offshell_observed_count(j->simulator, j->point, 0), 1);
}
