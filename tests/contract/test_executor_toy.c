/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "contract/executor_conformance.h"
#include "contract/executor_toy.h"

static sbi_status open_toy(void *user, sbi_context *ctx, sbi_executor **out)
{
    return toy_open(out, ctx, user);
}

int main(void)
{
    static toy_options nasty = {.seed = 1, .trouble = 0.2, .loss = 0.3, .run = conformance_run};
    int failed = 0;
    for (nasty.seed = 1; nasty.seed <= 5; nasty.seed++) {
        const executor_factory factory = {"executor toy", open_toy, &nasty, NULL, 0};
        SRunner *runner = srunner_create(executor_conformance_suite(&factory));
        srunner_run_all(runner, CK_ENV);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
