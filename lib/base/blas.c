/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/isa.h"

/* Of the process and not of a context, since the BLAS is the process's. */
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int unsafe;

/* With the integers of an LP64 BLAS. Both libraries have this signature. */
typedef void bf16_function(int layout, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const uint16_t *a, int lda,
                           const uint16_t *b, int ldb, float beta, float *c, int ldc);
static bf16_function *bf16;
static const char *bf16_name;
static int (*set_threads)(int); /* of the calling thread; gives what it was */

static void look_for_bf16(void)
{
    static const char *const names[][2] = {{"cblas_gemm_bf16bf16f32", "MKL_Set_Num_Threads_Local"}, /* as mkl.h spells it */
                                           {"cblas_sbgemm", "openblas_set_num_threads_local"}};
    for (int i = 0; i < 2 && !bf16; i++) {
        *(void **)&bf16 = dlsym(RTLD_DEFAULT, names[i][0]);
        if (!bf16) continue;
        bf16_name = names[i][0];
        *(void **)&set_threads = dlsym(RTLD_DEFAULT, names[i][1]);
    }
}

static void look(void)
{
    /* By name: the BLAS is a link-time choice, and only OpenBLAS has this function. 0: the single-threaded build. */
    int (*parallel)(void);
    *(void **)&parallel = dlsym(RTLD_DEFAULT, "openblas_get_parallel");
    unsafe = parallel && parallel() == 0;
    look_for_bf16();
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

const char *sbi_blas_bf16_name(void)
{
    pthread_once(&looked, look);
    return bf16_name;
}

void sbi_blas_bf16_multiply(const sbi_blas_bf16_product *p)
{
    enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 }; /* of cblas.h */
    sbi_blas_enter();
    const int before = set_threads ? set_threads(1) : 0;
    bf16(ROW_MAJOR, p->transpose_a ? TRANSPOSED : AS_IT_IS, p->transpose_b ? TRANSPOSED : AS_IT_IS, (int)p->m, (int)p->n, (int)p->k, 1, p->a,
         (int)p->lda, p->b, (int)p->ldb, p->beta, p->c, (int)p->ldc);
    if (set_threads) set_threads(before);
    sbi_blas_leave();
}

const char *sbi_blas_bf16_processor(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & (1u << 22)) && (d & (1u << 24))) return "AMX"; /* AMX-BF16, AMX-TILE */
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5)) && sbi_isa_best() == SBI_ISA_AVX512) return "AVX-512 BF16";
#endif
    return NULL;
}
