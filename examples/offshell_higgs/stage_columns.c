/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios as columns, and the workspaces over them: one with what was learnt, one with the exact ratios. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

static const char *const factor[OFFSHELL_PROCESSES] = {"mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", NULL};

/* E_ref[r] over the integration sample, which no network was trained on: what ratios are divided by. */
static sbi_status normalisation(const job *j, const sbi_ensemble *ensemble, double *correction)
{
    sbi_npy *npy;
    sbi_array features;
    JOB_TRY(sbi_npy_map(&npy, j->ctx, job_file(j, "data/integration.npy").text));
    sbi_npy_array(npy, &features);
    double *ratio = job_doubles((size_t)features.shape[0]);
    sbi_status status = ratio ? sbi_ratio_evaluate(ensemble, &features, ratio, NULL, NULL) : SBI_ERR_NO_MEMORY;
    sbi_normalisation result = {.struct_size = sizeof result};
    sbi_array view = sbi_array_1d(ratio, SBI_F64, features.shape[0]);
    if (status == SBI_OK) status = sbi_ratio_normalisation(j->ctx, &view, NULL, &result);
    *correction = result.mean;
    free(ratio);
    sbi_npy_unmap(npy);
    return status;
}

/* The columns of one ensemble over data and integration sample. Variations are stored as logarithms. */
static sbi_status write_ratio(const job *j, const char *name, int variation)
{
    sbi_ensemble *ensemble;
    sbi_status status = sbi_ensemble_load(&ensemble, j->ctx, job_file(j, "networks/%s", name).text);
    sbi_ratio_options options = SBI_RATIO_OPTIONS_INIT;
    if (status == SBI_OK && !variation) status = normalisation(j, ensemble, &options.correction);
    if (variation) {
        options.output = SBI_RATIO_LOG;
        options.dtype = SBI_F32;
    }
    static const char *const samples[] = {"observed", "integration"};
    for (int s = 0; s < 2 && status == SBI_OK; s++) {
        job_path spread = job_file(j, "columns/%s_%s_spread.npy", samples[s], name);
        options.spread = variation ? NULL : spread.text;
        status = sbi_ratio_write(ensemble, job_file(j, "data/%s.npy", samples[s]).text,
                                 job_file(j, "columns/%s_%s.npy", samples[s], name).text, &options);
    }
    job_say(status, name);
    sbi_ensemble_destroy(ensemble);
    return status;
}

static json_t *normsys(const job *j, int process, int k)
{
    const offshell_nuisance *nuisance = offshell_nuisance_of(j->simulator, k);
    double hi, lo;
    offshell_nuisance_norm(nuisance, process, &hi, &lo);
    return json_pack("{s:s, s:s, s:{s:f, s:f}}", "name", nuisance->name, "type", "normsys", "data", "hi", hi, "lo", lo);
}

static json_t *eventsys(const job *j, const char *columns, int process, int k)
{
    char path[4][128];
    static const char *const side[2] = {"hi", "lo"}, *const sample[2] = {"observed", "integration"};
    for (int i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/%s_%s_%d_%s.npy", columns, sample[i / 2], offshell_process_name[process], k,
                 side[i % 2]);
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}}", "name", offshell_nuisance_of(j->simulator, k)->name,
                     "type", "eventsys", "data", "hi", path[0], "lo", path[1], "hi_integration", path[2],
                     "lo_integration", path[3], "storage", "log");
}

static sbi_status write_workspace(const job *j, const char *file, const char *columns)
{
    json_t *samples = json_array(), *parameters = json_array();
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        const char *process = offshell_process_name[p];
        char ratio[128], integration[128];
        snprintf(ratio, sizeof ratio, "%s/observed_%s.npy", columns, process);
        snprintf(integration, sizeof integration, "%s/integration_%s.npy", columns, process);
        json_t *modifiers = json_array();
        for (int k = 0; k < j->options.nuisances; k++) {
            if (!offshell_nuisance_acts(offshell_nuisance_of(j->simulator, k), p)) continue;
            json_array_append_new(modifiers, normsys(j, p, k));
            json_array_append_new(modifiers, eventsys(j, columns, p, k));
        }
        json_t *sample = json_pack("{s:s, s:f, s:s, s:s, s:o}", "name", process, "yield",
                                   offshell_truth_of(j->simulator)->yield[p], "ratio", ratio, "ratio_integration",
                                   integration, "modifiers", modifiers);
        if (factor[p]) json_object_set_new(sample, "factor", json_string(factor[p]));
        json_array_append_new(samples, sample);
    }
    /* sqrt(mu) has no derivative at 0. */
    json_array_append_new(parameters, json_pack("{s:s, s:[f], s:[[f, f]]}", "name", "mu", "inits", 1.0, "bounds", 1e-4, 9.0));
    json_t *workspace =
        json_pack("{s:s, s:[{s:s, s:{s:s}, s:{s:s}, s:o}], s:[{s:s, s:{s:s, s:o}}]}", "version", "1.0.0", "channels",
                  "name", "off-shell", "events", "weights", "data/observed_weights.npy", "integration", "weights",
                  "data/integration_weights.npy", "samples", samples, "measurements", "name", "off-shell", "config", "poi",
                  "mu", "parameters", parameters);
    char *text = workspace ? json_dumps(workspace, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    sbi_status status = text ? job_write_text(job_file(j, "%s", file).text, text, strlen(text)) : SBI_ERR_NO_MEMORY;
    free(text);
    json_decref(workspace);
    return status;
}

sbi_status stage_columns(job *j)
{
    JOB_TRY(write_workspace(j, "workspace_truth.json", "truth"));
    if (j->options.truth_ratios) return write_workspace(j, "workspace.json", "truth");
    JOB_TRY(job_folder_make(j, "columns"));
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        const char *process = offshell_process_name[p];
        JOB_TRY(write_ratio(j, process, 0));
        for (int k = 0; k < j->options.nuisances; k++) {
            if (!offshell_nuisance_acts(offshell_nuisance_of(j->simulator, k), p)) continue;
            char name[64];
            snprintf(name, sizeof name, "%s_%d_hi", process, k);
            JOB_TRY(write_ratio(j, name, 1));
            snprintf(name, sizeof name, "%s_%d_lo", process, k);
            JOB_TRY(write_ratio(j, name, 1));
        }
    }
    return write_workspace(j, "workspace.json", "columns");
}
