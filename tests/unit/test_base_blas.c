/* SPDX-License-Identifier: Apache-2.0 */
/* Small products from several threads at once are right. Without the guard of base/blas.h this fails within a second on
 * OpenBLAS's single-threaded build. */
#include <cblas.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/blas.h"
#include "support/run_suite.h"

enum { THREADS = 3, REPEATS = 20000, M = 64, N = 16, K = 16 };

static int wrong[THREADS];

static void product(const float *a, const float *b, float *c)
{
    sbi_blas_enter();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, M, N, K, 1, a, K, b, K, 0, c, N);
    sbi_blas_leave();
}

static void *multiply(void *arg)
{
    size_t id = (size_t)(uintptr_t)arg;
    float a[M * K], b[N * K], first[M * N], c[M * N];
    for (size_t i = 0; i < M * K; i++) a[i] = 0.1f * (float)(i * (id + 3) % 17);
    for (size_t i = 0; i < N * K; i++) b[i] = 0.1f * (float)(i * (id + 5) % 13);
    for (size_t i = 0; i < M; i++) {
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++) sum += (double)a[i * K + k] * (double)b[j * K + k];
            first[i * N + j] = (float)sum;
        }
    }
    for (int r = 0; r < REPEATS; r++) {
        product(a, b, c);
        for (size_t i = 0; i < M * N; i++) {
            float difference = c[i] - first[i];
            if (difference > 1e-4f || difference < -1e-4f) {
                wrong[id]++;
                break;
            }
        }
    }
    return NULL;
}

START_TEST(products_of_many_threads)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, multiply, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) ck_assert_int_eq(wrong[i], 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base: BLAS");
    TCase *t = tcase_create("threads");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, products_of_many_threads);
    suite_add_tcase(s, t);
    return run_suite(s);
}
