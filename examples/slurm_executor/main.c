/* SPDX-License-Identifier: Apache-2.0 */
/* Trains an ensemble on a cluster with Slurm: slurm_executor STORE NUMERATOR.npy DENOMINATOR.npy MEMBERS CAMPAIGN OUTPUT. Stopped or killed at any
 * time, the same command goes on where it was. */
#include <stdio.h>
#include <stdlib.h>

#include "slurm.h"

static sbi_status train(sbi_context *ctx, char **argv)
{
    char config[2048];
    sbi_dataset *data = NULL;
    sbi_executor *exec = NULL;
    sbi_ensemble *ensemble = NULL;
    sbi_train_options options = SBI_TRAIN_OPTIONS_INIT;
    options.members = atoi(argv[4]);
    options.campaign = argv[5];
    snprintf(config, sizeof config, "{\"store\": \"%s\"}", argv[1]);
    sbi_status status = slurm_register(ctx);
    if (status == SBI_OK) status = sbi_executor_open(&exec, ctx, "slurm", config);
    if (status == SBI_OK) status = sbi_dataset_create(&data, ctx);
    if (status == SBI_OK) status = sbi_dataset_add_npy(data, SBI_NUMERATOR, argv[2], NULL);
    if (status == SBI_OK) status = sbi_dataset_add_npy(data, SBI_DENOMINATOR, argv[3], NULL);
    if (status == SBI_OK) status = sbi_ensemble_train(&ensemble, data, &options, exec);
    if (status == SBI_OK) status = sbi_ensemble_save(ensemble, argv[6]);
    sbi_ensemble_destroy(ensemble);
    sbi_dataset_destroy(data);
    sbi_executor_close(exec);
    return status;
}

int main(int argc, char **argv)
{
    sbi_context *ctx;
    if (argc != 7) {
        fprintf(stderr, "usage: slurm_executor STORE NUMERATOR.npy DENOMINATOR.npy MEMBERS CAMPAIGN OUTPUT\n");
        return EXIT_FAILURE;
    }
    sbi_status status = sbi_context_create(&ctx, NULL);
    if (status == SBI_OK) status = train(ctx, argv);
    if (status != SBI_OK) fprintf(stderr, "slurm_executor: %s: %s\n", sbi_status_name(status), sbi_last_error());
    sbi_context_destroy(ctx);
    return status == SBI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
