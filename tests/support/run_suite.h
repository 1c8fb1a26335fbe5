/* SPDX-License-Identifier: Apache-2.0 */
/* The main() of a test program. Forking follows CK_FORK, as Check documents. */
#ifndef TESTS_SUPPORT_RUN_SUITE_H
#define TESTS_SUPPORT_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Check tells its parent of every assertion that holds, by a write into a pipe, so that it knows the last one before a crash. Tests that compare
 * many values spend most of their time so; where one crashed is said by sanitizers and cores. */
#define _mark_point(file, line) ((void)0)

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
