/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blas.h"

#include <dlfcn.h>
#include <pthread.h>

/* Of the process and not of a context, since the BLAS is the process's. */
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int unsafe;

static void look(void)
{
    /* By name: the BLAS is a link-time choice, and only OpenBLAS has this function. 0: the single-threaded build. */
    int (*parallel)(void);
    *(void **)&parallel = dlsym(RTLD_DEFAULT, "openblas_get_parallel");
    unsafe = parallel && parallel() == 0;
}

void sbi_blas_enter(void)
{
    pthread_once(&looked, look);
    if (unsafe) pthread_mutex_lock(&one_at_a_time);
}

void sbi_blas_leave(void)
{
    if (unsafe) pthread_mutex_unlock(&one_at_a_time);
}
