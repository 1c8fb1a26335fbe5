/* SPDX-License-Identifier: Apache-2.0 */
/* Searches hyper-parameters for the ratio of two sets of events and prints the leaderboard:
 *
 *     search NUMERATOR.npy DENOMINATOR.npy SEARCH.json FOLDER [epochs] [members]
 *
 * Stop it whenever you like: the same command goes on from FOLDER. docs/search.md describes SEARCH.json. */
#include <stdio.h>
#include <stdlib.h>

#include "sbi/sbi.h"

static int failed(const char *what)
{
    fprintf(stderr, "search: %s: %s\n", what, sbi_last_error());
    return EXIT_FAILURE;
}

static void print_trial(const sbi_search *search, size_t rank)
{
    static const char *const states[] = {"planned", "done", "stopped", "diverged", "failed", "invalid"};
    sbi_search_trial t = {.struct_size = (uint32_t)sizeof t};
    sbi_train_options o = {.struct_size = (uint32_t)sizeof o};
    size_t index;
    if (sbi_search_ranked(search, rank, &index) != SBI_OK || sbi_search_trial_get(search, index, &t) != SBI_OK ||
        sbi_search_trial_options(search, index, &o) != SBI_OK)
        return;
    printf("%4zu %6zu  %-8s %7d  %.6f +- %.6f  %8lld  %8.1f s   rate %.3g, %d x %d, batch %lld  %s\n", rank + 1, index, states[t.state],
           (int)t.epochs, t.loss, t.spread, (long long)t.parameters, t.seconds, o.learning_rate, (int)o.depth, (int)o.width, (long long)o.batch,
           t.message);
}

static int run(sbi_context *ctx, char **argument, int n)
{
    sbi_dataset *data = NULL;
    sbi_search *search = NULL;
    sbi_train_options base = SBI_TRAIN_OPTIONS_INIT;
    base.campaign = argument[4];
    base.epochs = n > 5 ? atoi(argument[5]) : 27;
    base.members = n > 6 ? atoi(argument[6]) : 3;
    int status = EXIT_SUCCESS;
    if (sbi_dataset_create(&data, ctx) != SBI_OK || sbi_dataset_add_npy(data, SBI_NUMERATOR, argument[1], NULL) != SBI_OK ||
        sbi_dataset_add_npy(data, SBI_DENOMINATOR, argument[2], NULL) != SBI_OK)
        status = failed("data");
    else if (sbi_search_load(&search, ctx, &base, argument[3]) != SBI_OK)
        status = failed("plan");
    else if (sbi_search_run(search, data, NULL) != SBI_OK)
        status = failed("run");
    if (search) printf("rank  trial  state     epochs  held-out loss          parameters   seconds\n");
    for (size_t r = 0; r < sbi_search_trials(search); r++) print_trial(search, r);
    sbi_search_destroy(search);
    sbi_dataset_destroy(data);
    return status;
}

int main(int n, char **argument)
{
    sbi_context *ctx;
    if (n < 5) {
        fprintf(stderr, "usage: search NUMERATOR.npy DENOMINATOR.npy SEARCH.json FOLDER [epochs] [members]\n");
        return EXIT_FAILURE;
    }
    if (sbi_context_create(&ctx, NULL) != SBI_OK) return failed("context");
    const int status = run(ctx, argument, n);
    sbi_context_destroy(ctx);
    return status;
}
