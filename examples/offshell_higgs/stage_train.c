/* SPDX-License-Identifier: Apache-2.0 */
/* Training: an ensemble for each process against the reference, and one for each side of each variation against the
 * nominal process. Every member is a task of a campaign; a finished ensemble is a folder under networks/. */
#include <stdio.h>
#include <string.h>

#include "job.h"

static sbi_status train_one(job *j, const char *name, const char *numerator, const char *numerator_weights,
                            const char *denominator, int variation, uint64_t seed)
{
    const job_options *o = &j->options;
    job_path folder = job_file(j, "networks/%s", name), done = job_file(j, "networks/%s/ensemble.json", name);
    if (job_exists(done.text)) return SBI_OK;
    job_path campaign = job_file(j, "campaigns/%s", name);
    sbi_train_options t = SBI_TRAIN_OPTIONS_INIT;
    t.depth = o->depth;
    t.width = variation ? (o->width + 1) / 2 : o->width;
    t.epochs = variation ? (o->epochs + 1) / 2 : o->epochs;
    t.members = variation ? o->variation_members : o->members;
    t.batch = o->batch;
    t.learning_rate = 2e-3;
    t.initial_gain = o->initial_gain;
    t.seed = seed;
    t.bootstrap = o->bootstrap;
    t.campaign = campaign.text;

    sbi_dataset *data;
    sbi_ensemble *ensemble = NULL;
    JOB_TRY(job_say(sbi_dataset_create(&data, j->ctx), "data"));
    sbi_status status = sbi_dataset_add_npy(data, SBI_NUMERATOR, numerator, numerator_weights);
    if (status == SBI_OK) status = sbi_dataset_add_npy(data, SBI_DENOMINATOR, denominator, NULL);
    if (status == SBI_OK) status = sbi_ensemble_train(&ensemble, data, &t, j->exec);
    /* The median: where interference subtracts processes, one member's outlier could make the density negative. */
    if (status == SBI_OK) status = sbi_ensemble_set_combination(ensemble, SBI_COMBINE_MEDIAN);
    if (status == SBI_OK) status = sbi_ensemble_save(ensemble, folder.text);
    job_say(status, name);
    sbi_ensemble_destroy(ensemble);
    sbi_dataset_destroy(data);
    return status;
}

sbi_status stage_train(job *j)
{
    if (j->options.truth_ratios) return SBI_OK;
    JOB_TRY(job_folder_make(j, "networks"));
    JOB_TRY(job_folder_make(j, "campaigns"));
    uint64_t seed = j->options.seed;
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        const char *process = offshell_process_name[p];
        job_path nominal = job_file(j, "data/%s.npy", process), reference = job_file(j, "data/reference.npy");
        JOB_TRY(train_one(j, process, nominal.text, NULL, reference.text, 0, ++seed));
        for (int k = 0; k < j->options.nuisances; k++) {
            if (!offshell_nuisance_acts(offshell_nuisance_of(j->simulator, k), p)) continue;
            for (int side = 0; side < 2; side++) {
                char name[64];
                snprintf(name, sizeof name, "%s_%d_%s", process, k, side ? "lo" : "hi");
                job_path weights = job_file(j, "data/%s.npy", name);
                JOB_TRY(train_one(j, name, nominal.text, weights.text, nominal.text, 1, ++seed));
            }
        }
    }
    return SBI_OK;
}
