/* SPDX-License-Identifier: Apache-2.0 */
/* The likelihood on a real CUDA device against the processor: the cases of the stand-in, and larger ones. */
#include "support/run_suite.h"

#define CASES_FRESH() (void)0
#define CASES_CLEAN() (void)0
#define CASES_ORDER(which) (void)(which)
#include "cuda/likelihood_cases.h"

/* More than one batch of leaves. */
START_TEST(many_leaves)
{
    mixture m = {.n = 700 * 2048 + 5, .nuisances = 3, .dtype = SBI_F16, .storage = SBI_MORPH_LOG, .zero_weights = 11};
    check_mixture(m, 0.1, SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

START_TEST(many_parameters)
{
    mixture m = {.n = 20000, .nuisances = 60, .dtype = SBI_F16, .storage = SBI_MORPH_LOG, .normalise = _i, .sparse = _i};
    check_mixture(m, 0.05, SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("likelihood_gpu");
    TCase *large = tcase_create("large");
    tcase_set_timeout(large, 300);
    tcase_add_test(large, many_leaves);
    tcase_add_loop_test(large, many_parameters, 0, 2);
    suite_add_tcase(suite, likelihood_cases());
    suite_add_tcase(suite, large);
    return run_suite(suite);
}
