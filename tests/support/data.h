/* SPDX-License-Identifier: Apache-2.0 */
/* Where tests/data is: $SBI_TEST_DATA, or below the folder in which the tests run. */
#ifndef TESTS_SUPPORT_DATA_H
#define TESTS_SUPPORT_DATA_H

#include "support/folder.h"

static inline test_path data_path(const char *name)
{
    const char *base = getenv("SBI_TEST_DATA");
    test_path p;
    snprintf(p.text, sizeof p.text, "%s/%s", base && base[0] ? base : "tests/data", name);
    return p;
}

#endif
