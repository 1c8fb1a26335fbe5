/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of one event, as tape/kernels has them for vectors: the same polynomials where the CPU's own are used, CUDA's
 * functions (within 1 or 2 ulp) otherwise. */
#ifndef SBI_CUDA_LIKELIHOOD_NUMBERS_CUH
#define SBI_CUDA_LIKELIHOOD_NUMBERS_CUH

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "device/cuda/likelihood/pass.cuh"

#ifdef __CUDACC__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

/* special.h is written for vectors of doubles; here the vector is one double. */
typedef double vd;
typedef bool vi;
#define SBI_INLINE static __device__ __forceinline__
#define SBI_TAPE_KERNELS_VEC_H
#define SBI_TAPE_KERNELS_EXP_LOG_H
SBI_INLINE vd splat(double x) { return x; }
SBI_INLINE vd madd(vd a, vd b, vd c) { return fma(a, b, c); }
SBI_INLINE vd pick(vi mask, vd yes, vd no) { return mask ? yes : no; }
SBI_INLINE vd vlog(vd x) { return log(x); }
#include "tape/kernels/special.h"

/* e^r - 1 for |r| <= 0.34657 and for |r| <= 0.125: exp_log.h. */
SBI_INLINE double expm1_medium(double r)
{
    double q = 0x1.af38a0d2d9620p-26;
    q = fma(q, r, 0x1.28917e2c43a66p-22);
    q = fma(q, r, 0x1.71de0db21e27fp-19);
    q = fma(q, r, 0x1.a019b9133a48ap-16);
    q = fma(q, r, 0x1.a01a01a7c327ap-13);
    q = fma(q, r, 0x1.6c16c1788a49bp-10);
    q = fma(q, r, 0x1.11111111109b4p-7);
    q = fma(q, r, 0x1.5555555553d67p-5);
    q = fma(q, r, 0x1.5555555555556p-3);
    q = fma(q, r, 0x1.0000000000001p-1);
    return fma(q, r * r, r);
}

SBI_INLINE double expm1_small(double r)
{
    double q = 0x1.71f9218da2e29p-19;
    q = fma(q, r, 0x1.a03effca19d70p-16);
    q = fma(q, r, 0x1.a01a00930ee10p-13);
    q = fma(q, r, 0x1.6c16bffa2459dp-10);
    q = fma(q, r, 0x1.11111111146e0p-7);
    q = fma(q, r, 0x1.555555555e951p-5);
    q = fma(q, r, 0x1.5555555555555p-3);
    q = fma(q, r, 0x1.ffffffffffffep-2);
    return fma(q, r * r, r);
}

/* Four consecutive elements of a column from element `first` on, a multiple of four. */
SBI_INLINE void load4(const char *column, int dtype, int first, double x[4])
{
    if (dtype == SBI_F16) {
        const ushort4 h = *reinterpret_cast<const ushort4 *>(column + 2 * first);
        const unsigned short bits[4] = {h.x, h.y, h.z, h.w};
    UNROLL
        for (int i = 0; i < 4; i++) {
            /* The exponent put where a double has its own and rebiased by an exact multiplication: subnormals come out right, and the
             * slow conversion unit is not needed. */
            const unsigned long long high = (unsigned long long)(bits[i] & 0x7fffu) << 10 | (unsigned long long)(bits[i] & 0x8000u) << 16;
            x[i] = __longlong_as_double((long long)(high << 32)) * 0x1p1008;
        }
    } else if (dtype == SBI_F32) {
        const float4 f = *reinterpret_cast<const float4 *>(column + 4 * first);
        x[0] = f.x;
        x[1] = f.y;
        x[2] = f.z;
        x[3] = f.w;
    } else {
        const double2 *d = reinterpret_cast<const double2 *>(column + 8 * (size_t)first);
        const double2 low = d[0], high = d[1];
        x[0] = low.x;
        x[1] = low.y;
        x[2] = high.x;
        x[3] = high.y;
    }
}

SBI_INLINE void load4_single(const char *column, int dtype, int first, float x[4])
{
    if (dtype == SBI_F16) {
        const ushort4 h = *reinterpret_cast<const ushort4 *>(column + 2 * first);
        const unsigned short bits[4] = {h.x, h.y, h.z, h.w};
    UNROLL
        for (int i = 0; i < 4; i++) {
            __half one;
            memcpy(&one, &bits[i], sizeof one);
            x[i] = __half2float(one);
        }
    } else if (dtype == SBI_F32) {
        const float4 f = *reinterpret_cast<const float4 *>(column + 4 * first);
        x[0] = f.x;
        x[1] = f.y;
        x[2] = f.z;
        x[3] = f.w;
    } else {
        double d[4];
        load4(column, dtype, first, d);
    UNROLL
        for (int i = 0; i < 4; i++)
            x[i] = (float)d[i];
    }
}

/* The sum of the threads' values, in thread 0: a tree over the lanes of each warp, then over warps in order. `shared` holds a double
 * for each warp. All threads of a block of whole warps call it. */
SBI_INLINE double block_sum(double x, double *shared)
{
    for (int delta = 16; delta > 0; delta >>= 1)
        x += __shfl_down_sync(0xffffffffu, x, delta);
    const int warps = (int)blockDim.x / 32;
    __syncthreads();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    if (threadIdx.x == 0)
        for (int w = 1; w < warps; w++)
            x += shared[w];
    return x;
}

#ifdef CUDA_STANDIN
#define DYNAMIC_SHARED(name) double *name = static_cast<double *>(cuda_standin_dynamic_shared())
#else
#define DYNAMIC_SHARED(name) extern __shared__ double name[]
#endif

#endif
