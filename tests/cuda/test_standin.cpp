/* SPDX-License-Identifier: Apache-2.0 */
/* That the stand-in catches what it is there to catch. Each wrong program here is one that a real device would often let pass. */
#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "cublas_v2.h"
#include "cuda_standin.h"

static void set_up(void)
{
    cuda_standin_reset((size_t)64 << 20, 1);
    cuda_standin_set_order(CUDA_STANDIN_FORWARD, 1);
}

template <typename... P, typename... A> static cudaError_t launch(void (*kernel)(P...), unsigned grid, unsigned block, A... arguments)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(grid);
    config.blockDim = dim3(block);
    return cudaLaunchKernelEx(&config, kernel, arguments...);
}

template <typename T> static T *device_array(size_t n)
{
    void *p;
    ck_assert_int_eq(cudaMalloc(&p, n * sizeof(T)), cudaSuccess);
    return (T *)p;
}

template <typename T> static std::vector<T> pull(const T *there, size_t n)
{
    std::vector<T> here(n);
    ck_assert_int_eq(cudaMemcpy(here.data(), there, n * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return here;
}

/* ---- kernels ---- */

/* Sums 64 numbers. Without the barrier it happens to be right in one order of threads. */
template <bool BARRIER> static __global__ void sum_kernel(float *out, const float *x)
{
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    for (int half = 32; half; half /= 2) {
        if (BARRIER) __syncthreads();
        if ((int)threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    }
    if (threadIdx.x == 0) *out = s[0];
}

static std::vector<float> sums_in_each_order(void (*kernel)(float *, const float *))
{
    float *x = device_array<float>(64), *out = device_array<float>(1);
    std::vector<float> here(64), got;
    for (int i = 0; i < 64; i++) here[(size_t)i] = (float)(i + 1);
    cudaMemcpy(x, here.data(), sizeof(float) * 64, cudaMemcpyHostToDevice);
    for (int order = CUDA_STANDIN_FORWARD; order <= CUDA_STANDIN_RANDOM; order++) {
        cuda_standin_set_order(order, 3);
        ck_assert_int_eq(launch(kernel, 1, 64, out, x), cudaSuccess);
        got.push_back(pull(out, 1)[0]);
    }
    cudaFree(x);
    cudaFree(out);
    return got;
}

START_TEST(a_race_shows)
{
    for (float s : sums_in_each_order(sum_kernel<true>)) ck_assert_float_eq(s, 64 * 65 / 2);
    const std::vector<float> racy = sums_in_each_order(sum_kernel<false>);
    ck_assert(!(racy[0] == racy[1] && racy[1] == racy[2]));
    ck_assert_ptr_null(cuda_standin_violation());
}
END_TEST

static __global__ void divergent_kernel(float *out)
{
    if (threadIdx.x < 7) __syncthreads();
    out[threadIdx.x] = 1;
}

static __global__ void two_barriers_kernel(float *out)
{
    if (threadIdx.x & 1) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    out[threadIdx.x] = 1;
}

START_TEST(divergent_barriers)
{
    void (*kernels[])(float *) = {divergent_kernel, two_barriers_kernel};
    for (auto kernel : kernels) {
        float *out = device_array<float>(32);
        launch(kernel, 1, 32, out);
        ck_assert_int_eq(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
        ck_assert_ptr_nonnull(cuda_standin_violation());
        ck_assert_ptr_nonnull(strstr(cuda_standin_violation(), "divergent barrier"));
        cudaFree(out);
        cuda_standin_reset((size_t)64 << 20, 1);
    }
}
END_TEST

static __global__ void shuffle_kernel(int *out)
{
    int v = (int)threadIdx.x;
    for (int d = 16; d; d /= 2) v += __shfl_down_sync(0xffffffffu, v, d);
    const int first = __shfl_sync(0xffffffffu, v, 0);
    out[threadIdx.x] = first + __shfl_xor_sync(0xffffffffu, (int)threadIdx.x, 1);
    if (__ballot_sync(0xffffffffu, threadIdx.x % 32 < 3) != 7u) out[threadIdx.x] = -1;
}

START_TEST(shuffles_and_votes)
{
    for (int order = CUDA_STANDIN_FORWARD; order <= CUDA_STANDIN_RANDOM; order++) {
        cuda_standin_set_order(order, 9);
        int *out = device_array<int>(64);
        launch(shuffle_kernel, 1, 64, out);
        const std::vector<int> got = pull(out, 64);
        for (int i = 0; i < 64; i++) ck_assert_int_eq(got[(size_t)i], (i < 32 ? 31 * 32 / 2 : 31 * 32 / 2 + 32 * 32) + (i ^ 1));
        cudaFree(out);
    }
    ck_assert_ptr_null(cuda_standin_violation());
}
END_TEST

static __global__ void lonely_shuffle(int *out)
{
    if (threadIdx.x < 5) out[threadIdx.x] = __shfl_sync(0xffffffffu, (int)threadIdx.x, 0);
}

START_TEST(a_shuffle_that_not_all_reach)
{
    int *out = device_array<int>(32);
    launch(lonely_shuffle, 1, 32, out);
    ck_assert_int_ne(cudaDeviceSynchronize(), cudaSuccess);
    ck_assert_ptr_nonnull(strstr(cuda_standin_violation(), "not all lanes"));
    cudaFree(out);
}
END_TEST

/* ---- memory ---- */

static __global__ void copy_kernel(float *out, const float *x, int n)
{
    const int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) out[i] = x[i];
}

static __global__ void uninitialised_kernel(float *out)
{
    __shared__ float s[32];
    out[threadIdx.x] = s[threadIdx.x];
    s[threadIdx.x] = 1; /* not what the next block finds */
}

START_TEST(nothing_is_zero_by_chance)
{
    float *x = device_array<float>(8), *out = device_array<float>(32);
    launch(copy_kernel, 1, 8, out, (const float *)x, 8);
    for (float v : pull(out, 8)) ck_assert(std::isnan(v));
    launch(uninitialised_kernel, 2, 32, out);
    for (float v : pull(out, 32)) ck_assert(std::isnan(v));
    cudaFree(x);
    cudaFree(out);
}
END_TEST

/* The exit status of a child that does something forbidden: not 0. */
static int dies(void (*what)(void))
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(0);
        what();
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status != 0;
}

static void touch_from_host(void)
{
    float *x = device_array<float>(8);
    *(volatile float *)x = 1;
}

static void leave_allocation(void)
{
    float *x = device_array<float>(8), *out = device_array<float>(9);
    launch(copy_kernel, 1, 9, out, (const float *)x, 9);
    cudaDeviceSynchronize();
}

static void use_after_free(void)
{
    float *x = device_array<float>(8), *out = device_array<float>(8);
    cudaFree(x);
    launch(copy_kernel, 1, 8, out, (const float *)x, 8);
    cudaDeviceSynchronize();
}

START_TEST(device_memory_is_not_the_hosts)
{
    ck_assert(dies(touch_from_host));
#if defined(__SANITIZE_ADDRESS__)
    ck_assert(dies(leave_allocation));
    ck_assert(dies(use_after_free));
#else
    (void)leave_allocation;
    (void)use_after_free;
    puts("SKIP: kernels that leave their allocation are caught by AddressSanitizer, which this build has not");
#endif
}
END_TEST

START_TEST(copies_in_the_wrong_direction)
{
    float *x = device_array<float>(8), here[9];
    ck_assert_int_eq(cudaMemcpy(x, here, sizeof here, cudaMemcpyHostToDevice), cudaErrorInvalidValue); /* too long */
    ck_assert_ptr_nonnull(cuda_standin_violation());
    cuda_standin_reset((size_t)64 << 20, 1);
    ck_assert_int_eq(cudaMemcpy(here, x, 32, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    cuda_standin_reset((size_t)64 << 20, 1);
    cudaFree(x);
}
END_TEST

/* ---- order ---- */

START_TEST(what_is_asynchronous_happens_late)
{
    cudaStream_t stream;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    float *x = device_array<float>(4), *pinned;
    cudaHostAlloc((void **)&pinned, 16, 0);
    for (int i = 0; i < 4; i++) pinned[i] = 1;
    cudaMemcpyAsync(x, pinned, 16, cudaMemcpyHostToDevice, stream);
    pinned[0] = 2; /* too early: the copy has not read it */
    float here[4] = {5, 5, 5, 5};
    cudaMemcpyAsync(here, x, 16, cudaMemcpyDeviceToHost, stream);
    ck_assert(std::isnan(here[1])); /* looked at too early */
    ck_assert_int_eq(cudaStreamQuery(stream), cudaErrorNotReady);
    cudaStreamSynchronize(stream);
    ck_assert_float_eq(here[0], 2);
    ck_assert_float_eq(here[1], 1);
    cudaFreeHost(pinned);
    cudaFree(x);
    cudaStreamDestroy(stream);
}
END_TEST

static __global__ void set_kernel(float *out, float value)
{
    out[threadIdx.x] = value;
}

static float across_streams(bool wait)
{
    cudaStream_t a, b;
    cudaEvent_t done;
    cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
    float *x = device_array<float>(1), here;
    cudaLaunchConfig_t config = {};
    config.stream = a;
    cudaLaunchKernelEx(&config, set_kernel, x, 3.0f);
    cudaEventRecord(done, a);
    if (wait) cudaStreamWaitEvent(b, done, 0);
    cudaMemcpyAsync(&here, x, 4, cudaMemcpyDeviceToHost, b);
    cudaStreamSynchronize(b);
    cudaEventDestroy(done);
    cudaStreamDestroy(a);
    cudaStreamDestroy(b);
    cudaFree(x);
    return here;
}

START_TEST(streams_are_ordered_by_events_alone)
{
    ck_assert_float_eq(across_streams(true), 3);
    ck_assert(std::isnan(across_streams(false)));
}
END_TEST

START_TEST(graphs)
{
    cudaStream_t stream;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    float *x = device_array<float>(1), here;
    cudaGraph_t graph;
    cudaGraphExec_t made;
    ck_assert_int_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    cudaLaunchConfig_t config = {};
    config.stream = stream;
    cudaLaunchKernelEx(&config, set_kernel, x, 4.0f);
    ck_assert_int_eq(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    ck_assert_int_eq(cudaGraphInstantiate(&made, graph, 0), cudaSuccess);
    cudaMemcpyAsync(&here, x, 4, cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    ck_assert(std::isnan(here)); /* noted, not run */
    cudaGraphLaunch(made, stream);
    cudaMemcpyAsync(&here, x, 4, cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    ck_assert_float_eq(here, 4);
    cudaGraphExecDestroy(made);
    cudaGraphDestroy(graph);
    ck_assert_int_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    ck_assert_int_eq(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
    cuda_standin_reset((size_t)64 << 20, 1);
    cudaStreamDestroy(stream);
    cudaFree(x);
}
END_TEST

START_TEST(wrong_launches)
{
    float *x = device_array<float>(1);
    ck_assert_int_eq(launch(set_kernel, 0, 1, x, 1.0f), cudaErrorInvalidConfiguration);
    ck_assert_int_eq(launch(set_kernel, 1, 1025, x, 1.0f), cudaErrorInvalidConfiguration);
    ck_assert_int_eq(cudaGetLastError(), cudaErrorInvalidConfiguration);
    cudaFree(x);
}
END_TEST

START_TEST(products)
{
    /* Column-major: [1 3; 2 4] [5; 6] = [23; 34]. */
    const float a[4] = {1, 2, 3, 4}, b[2] = {5, 6}, one = 1, zero = 0;
    float *there = device_array<float>(8);
    cudaMemcpy(there, a, sizeof a, cudaMemcpyHostToDevice);
    cudaMemcpy(there + 4, b, sizeof b, cudaMemcpyHostToDevice);
    cublasHandle_t blas;
    ck_assert_int_eq(cublasCreate(&blas), CUBLAS_STATUS_SUCCESS);
    ck_assert_int_eq(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 1, 2, &one, there, 2, there + 4, 2, &zero, there + 6, 2),
                     CUBLAS_STATUS_SUCCESS);
    const std::vector<float> c = pull(there + 6, 2);
    ck_assert_float_eq(c[0], 23);
    ck_assert_float_eq(c[1], 34);
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_OPERATIONS), 2 * 2 * 1 * 2);
    ck_assert_int_ne(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, there, 2, there + 4, 2, &zero, there + 6, 2),
                     CUBLAS_STATUS_SUCCESS); /* leaves the allocation */
    cublasDestroy(blas);
    cuda_standin_reset((size_t)64 << 20, 1);
    cudaFree(there);
}
END_TEST

int main()
{
    Suite *suite = suite_create("the stand-in for CUDA");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, set_up, NULL);
    tcase_add_test(c, a_race_shows);
    tcase_add_test(c, divergent_barriers);
    tcase_add_test(c, shuffles_and_votes);
    tcase_add_test(c, a_shuffle_that_not_all_reach);
    tcase_add_test(c, nothing_is_zero_by_chance);
    tcase_add_test(c, device_memory_is_not_the_hosts);
    tcase_add_test(c, copies_in_the_wrong_direction);
    tcase_add_test(c, what_is_asynchronous_happens_late);
    tcase_add_test(c, streams_are_ordered_by_events_alone);
    tcase_add_test(c, graphs);
    tcase_add_test(c, wrong_launches);
    tcase_add_test(c, products);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
