/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "contract/executor_conformance.h"
#include "exec/local.h"

static sbi_status open_local(void *user, sbi_context *ctx, sbi_executor **out)
{
    return sbi_local_open(out, ctx, *(const int32_t *)user, conformance_run, NULL);
}

int main(void)
{
    static int32_t one = 1, four = 4;
    const executor_factory single = {.name = "executor local, one thread", .open = open_local, .user = &one};
    const executor_factory several = {.name = "executor local, four threads", .open = open_local, .user = &four};
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        SRunner *runner = srunner_create(executor_conformance_suite(i ? &several : &single));
        srunner_run_all(runner, CK_ENV);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
