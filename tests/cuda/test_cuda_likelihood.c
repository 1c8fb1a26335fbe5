/* SPDX-License-Identifier: Apache-2.0 */
/* The likelihood on a CUDA device, on the stand-in, against the processor. */
#include "cuda/standin_device.h"
#include "support/run_suite.h"

#define CASES_FRESH() cuda_standin_reset(STANDIN_MEMORY, 1)
#define CASES_CLEAN() standin_check_clean()
#define CASES_ORDER(which) cuda_standin_set_order((which) == 1 ? CUDA_STANDIN_RANDOM : CUDA_STANDIN_REVERSE, 11)
#include "cuda/likelihood_cases.h"

int main(void)
{
    standin_use_plugin();
    Suite *suite = suite_create("cuda_likelihood");
    suite_add_tcase(suite, likelihood_cases());
    return run_suite(suite);
}
