/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the CUDA device on the stand-in: the plugin that was built against it, memory to the byte, and what was done wrong. */
#ifndef TESTS_CUDA_STANDIN_DEVICE_H
#define TESTS_CUDA_STANDIN_DEVICE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "cuda_standin/cuda_standin.h"
#include "device/device.h"

#define STANDIN_MEMORY ((size_t)512 << 20)

/* To be called first thing in main(): SBI_BUILD is where the build is (make sets it). */
static inline void standin_use_plugin(void)
{
    const char *build = getenv("SBI_BUILD");
    char folder[512];
    snprintf(folder, sizeof folder, "%s/standin", build ? build : "build");
    setenv("SBI_PLUGIN_PATH", folder, 1);
}

static inline void standin_check_clean(void)
{
    ck_assert_msg(!cuda_standin_violation(), "%s", cuda_standin_violation());
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_ALLOCATED), 0);
}

#endif
