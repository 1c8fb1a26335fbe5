/* SPDX-License-Identifier: Apache-2.0 */
/* Searches with every allocation failing in turn: the parser and the planner, and a whole small one. jansson's own memory is not the context's. */
#include <string.h>

#include "base/error.h"
#include "sbi/search.h"
#include "support/failing_allocator.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static const char text[] = "{\"method\": \"random\", \"strategy\": \"hyperband\", \"min_epochs\": 1, \"space\": {\"learning_rate\": {\"log\": [1e-4, 1e-2]}, "
                           "\"width\": [2, 3], \"depth\": {\"integer\": [1, 2]}}}";
static const char grid[] = "{\"space\": {\"learning_rate\": {\"log\": [1e-4, 1e-2], \"points\": 3}, \"width\": [2, 3]}}";

static sbi_status plan(sbi_context *ctx, void *which)
{
    sbi_train_options base = SBI_TRAIN_OPTIONS_INIT;
    const double widths[2] = {4, 8};
    const sbi_search_range ranges[2] = {{"depth", SBI_RANGE_INTEGER, 0, 1, 3, NULL, 0}, {"width", SBI_RANGE_VALUES, 0, 0, 0, widths, 2}};
    sbi_search_options o = SBI_SEARCH_OPTIONS_INIT;
    sbi_search *s = NULL, *again = NULL;
    o.ranges = ranges;
    o.n_ranges = 2;
    base.epochs = 9;
    base.campaign = "nowhere"; /* copied, not opened */
    base.device = "cpu";
    sbi_status status = sbi_search_parse(&s, ctx, &base, which, strlen(which));
    if (status == SBI_OK) status = sbi_search_create(&again, ctx, &base, &o);
    sbi_search_destroy(s);
    sbi_search_destroy(again);
    return status;
}

START_TEST(parser_and_planner)
{
    static char random_text[sizeof text], grid_text[sizeof grid];
    memcpy(random_text, text, sizeof text);
    memcpy(grid_text, grid, sizeof grid);
    for (int later = 0; later < 2; later++) {
        ck_assert_int_gt(torture_allocations(plan, random_text, 1, later).requests, 20);
        ck_assert_int_gt(torture_allocations(plan, grid_text, 1, later).requests, 20);
    }
}
END_TEST

static sbi_status run(sbi_context *ctx, void *events)
{
    static const char small[] = "{\"strategy\": \"halving\", \"space\": {\"learning_rate\": [1e-3, 1e-2]}}";
    sbi_train_options base = SBI_TRAIN_OPTIONS_INIT, best = base;
    sbi_dataset *data = NULL;
    sbi_search *s = NULL;
    sbi_ensemble *ens = NULL;
    size_t index;
    base.depth = 0;
    base.epochs = 2;
    base.validation_fraction = 0.3;
    base.batch = 32;
    sbi_status status = gaussians_dataset(events, ctx, &data);
    if (status == SBI_OK) status = sbi_search_parse(&s, ctx, &base, small, sizeof small - 1);
    if (status == SBI_OK) status = sbi_search_run(s, data, NULL);
    if (status == SBI_OK) status = sbi_search_best_options(s, &best);
    if (status == SBI_OK) status = sbi_search_ranked(s, 0, &index);
    if (status == SBI_OK) status = sbi_search_ensemble(&ens, s, index);
    sbi_ensemble_destroy(ens);
    sbi_search_destroy(s);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(whole_searches)
{
    gaussians g = gaussians_make(40, 1, 1, 3);
    ck_assert_int_gt(torture_allocations(run, &g, 1, 0).requests, 100);
    gaussians_free(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("search: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, parser_and_planner);
    tcase_add_test(t, whole_searches);
    suite_add_tcase(s, t);
    return run_suite(s);
}
