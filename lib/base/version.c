/* SPDX-License-Identifier: Apache-2.0 */
#include "sbi/version.h"

#include <pthread.h>
#include <stdio.h>

#include <dlfcn.h>

#include "base/isa.h"

const char *sbi_version_string(void)
{
    return SBI_VERSION_STRING;
}

int32_t sbi_abi_version(void)
{
    return SBI_ABI_VERSION;
}

static char build_info[512];
static pthread_once_t build_info_once = PTHREAD_ONCE_INIT;

static void make_build_info(void)
{
    /* Asked for by name, since the BLAS is a link-time choice and only OpenBLAS has this function. */
    char *(*openblas)(void);
    *(void **)&openblas = dlsym(RTLD_DEFAULT, "openblas_get_config");
    snprintf(build_info, sizeof build_info, "libsbi %s, %s, kernels %s, BLAS %s", SBI_VERSION_STRING,
#ifdef __clang__
             "clang " __clang_version__,
#else
             "gcc " __VERSION__,
#endif
             sbi_isa_name(sbi_isa_best()), openblas ? openblas() : "(no OpenBLAS)");
}

const char *sbi_build_info(void)
{
    pthread_once(&build_info_once, make_build_info);
    return build_info;
}
