/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics on events that no network has seen: libsbi's own, and the comparison with the exact ratio that only a
 * simulator with analytic truth allows. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* Mean and RMS of ln r - ln r_true over test events of a side, and the mean spread of the members. */
static sbi_status compare_with_truth(const job *j, const sbi_ensemble *ensemble, const char *sample, const char *process,
                                     json_t *out)
{
    sbi_npy *npy;
    sbi_array features;
    double *truth = NULL;
    size_t n;
    JOB_TRY(job_say(sbi_npy_map(&npy, j->ctx, job_file(j, "data/%s_test.npy", sample).text), "test sample"));
    sbi_npy_array(npy, &features);
    sbi_status status = job_read_doubles(j, job_file(j, "truth/%s_test_%s.npy", sample, process).text, &truth, &n);
    double *learnt = status == SBI_OK ? job_doubles(2 * n) : NULL;
    if (status == SBI_OK && !learnt) status = SBI_ERR_NO_MEMORY;
    sbi_ratio_options options = SBI_RATIO_OPTIONS_INIT;
    options.output = SBI_RATIO_LOG;
    if (status == SBI_OK)
        status = job_say(sbi_ratio_evaluate(ensemble, &features, learnt, learnt + n, &options), "evaluating");
    double bias = 0, square = 0, spread = 0;
    size_t used = 0;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        if (!(truth[i] > 0)) continue;
        double difference = learnt[i] - log(truth[i]);
        bias += difference;
        square += difference * difference;
        spread += learnt[n + i];
        used++;
    }
    if (used)
        json_object_set_new(out, sample,
                            json_pack("{s:f, s:f, s:f, s:I}", "mean", bias / (double)used, "rms",
                                      sqrt(square / (double)used), "member_spread", spread / (double)used, "events",
                                      (json_int_t)used));
    free(learnt);
    free(truth);
    sbi_npy_unmap(npy);
    return status;
}

static sbi_status diagnose(const job *j, const char *process)
{
    job_path report = job_file(j, "diagnostics/%s.json", process), truth = job_file(j, "diagnostics/%s_truth.json", process);
    sbi_ensemble *ensemble = NULL;
    sbi_dataset *data = NULL;
    sbi_diagnostics *d = NULL;
    sbi_status status = sbi_ensemble_load(&ensemble, j->ctx, job_file(j, "networks/%s", process).text);
    if (status == SBI_OK) status = sbi_dataset_create(&data, j->ctx);
    if (status == SBI_OK)
        status = sbi_dataset_add_npy(data, SBI_NUMERATOR, job_file(j, "data/%s_test.npy", process).text, NULL);
    if (status == SBI_OK)
        status = sbi_dataset_add_npy(data, SBI_DENOMINATOR, job_file(j, "data/reference_test.npy").text, NULL);
    if (status == SBI_OK) status = sbi_diagnostics_run(&d, ensemble, data, NULL);
    if (status == SBI_OK) status = sbi_diagnostics_write(d, report.text);
    job_say(status, process);
    json_t *comparison = json_object();
    if (status == SBI_OK) status = compare_with_truth(j, ensemble, "reference", process, comparison);
    if (status == SBI_OK) status = compare_with_truth(j, ensemble, process, process, comparison);
    char *text = json_dumps(comparison, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (status == SBI_OK)
        status = text ? job_write_text(truth.text, text, strlen(text)) : SBI_ERR_NO_MEMORY;
    free(text);
    json_decref(comparison);
    sbi_diagnostics_destroy(d);
    sbi_dataset_destroy(data);
    sbi_ensemble_destroy(ensemble);
    return status;
}

/* The history of every member of a process, for the plot of training curves. */
static sbi_status write_histories(const job *j, const char *process)
{
    sbi_ensemble *ensemble;
    JOB_TRY(job_say(sbi_ensemble_load(&ensemble, j->ctx, job_file(j, "networks/%s", process).text), process));
    sbi_status status = SBI_OK;
    for (size_t m = 0; m < sbi_ensemble_members(ensemble) && status == SBI_OK; m++) {
        sbi_array history;
        status = sbi_network_history(sbi_ensemble_network(ensemble, m), &history);
        if (status == SBI_OK)
            status = sbi_npy_write(j->ctx, job_file(j, "diagnostics/%s_history_%zu.npy", process, m).text, &history);
    }
    sbi_ensemble_destroy(ensemble);
    return job_say(status, "history");
}

sbi_status stage_diagnose(job *j)
{
    if (j->options.truth_ratios) return SBI_OK;
    JOB_TRY(job_folder_make(j, "diagnostics"));
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        JOB_TRY(diagnose(j, offshell_process_name[p]));
        JOB_TRY(write_histories(j, offshell_process_name[p]));
    }
    return SBI_OK;
}
