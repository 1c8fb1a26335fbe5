/* SPDX-License-Identifier: Apache-2.0 */
/* A tile of a matrix product, in one thread.
 *
 * The library has a product of its own because it calls it from several threads at once: a BLAS without threads need not be safe
 * for that (Debian's serial OpenBLAS 0.3.21 returns wrong numbers), and one with threads gives bits that depend on their number.
 *
 * A block of MR rows by NV vectors of C stays in registers while k runs. The right operand is packed in panels of that
 * width, at most KC deep, so that a panel stays in the first-level cache while all rows of the tile pass over it; the left
 * one is read where it is if its rows run along k, and packed otherwise. Operands of small networks, which are in that cache
 * anyhow, are read where they are. The order of sums over k depends on k alone.
 * Source: Goto and van de Geijn, ACM TOMS 34 (2008) 12. */
#include "device/cpu/kernels_isa.h"

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define MR 8
#define NV 3
typedef __m512 vec;
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define SPREAD(x) _mm512_set1_ps(x)
#define MULTIPLY_ADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define MULTIPLY(a, b) _mm512_mul_ps(a, b)
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define LANES 8
#define MR 4
#define NV 3
typedef __m256 vec;
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define SPREAD(x) _mm256_set1_ps(x)
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define MULTIPLY(a, b) _mm256_mul_ps(a, b)
#else
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#define LANES 4
#define MR 4
#define NV 3
typedef float vec __attribute__((vector_size(16)));
INLINE vec load_vec(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
#define LOAD(p) load_vec(p)
#define STORE(p, v) memcpy((p), &(v), sizeof(vec))
#define SPREAD(x) ((vec){(x), (x), (x), (x)})
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define MULTIPLY(a, b) ((a) * (b))
#endif

#define NR (NV * LANES)
#define KC SBI_CPU_TILE_DEPTH
_Static_assert(SBI_CPU_PANEL % NR == 0, "a panel holds whole register blocks");

/* ---- the block in registers ---- */

#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_4(X) ROWS_2(X) X(2) X(3)
#define ROWS_6(X) ROWS_4(X) X(4) X(5)
#define ROWS_8(X) ROWS_6(X) X(6) X(7)

/* The left operand: row r at a[r] with steps of 1 along k, or MR neighbours at a[0] with steps of step_a. The right one: steps of
 * step_b. */
typedef struct block_operands {
    const float *a[MR], *b;
    int64_t depth, step_a, step_b;
} block_operands;

INLINE void put(float *c, vec v, float alpha, float beta)
{
    v = MULTIPLY(SPREAD(alpha), v);
    if (beta != 0) v = MULTIPLY_ADD(SPREAD(beta), LOAD(c), v);
    STORE(c, v);
}

/* Each accumulator has a name, since compilers keep arrays of them in memory on the way in and out. */
#define ZERO_1(r) vec c##r##_0 = SPREAD(0.0f);
#define ZERO_2(r) ZERO_1(r) vec c##r##_1 = SPREAD(0.0f);
#define ZERO_3(r) ZERO_2(r) vec c##r##_2 = SPREAD(0.0f);
#define LOAD_1 const vec w0 = LOAD(b);
#define LOAD_2 LOAD_1 const vec w1 = LOAD(b + LANES);
#define LOAD_3 LOAD_2 const vec w2 = LOAD(b + 2 * LANES);
#define STEP_1(r, value)                                                                                               \
    const vec x##r = SPREAD(value);                                                                                    \
    c##r##_0 = MULTIPLY_ADD(x##r, w0, c##r##_0);
#define STEP_2(r, value) STEP_1(r, value) c##r##_1 = MULTIPLY_ADD(x##r, w1, c##r##_1);
#define STEP_3(r, value) STEP_2(r, value) c##r##_2 = MULTIPLY_ADD(x##r, w2, c##r##_2);
#define PUT_1(r) put(out + r * ld, c##r##_0, alpha, beta);
#define PUT_2(r) PUT_1(r) put(out + r * ld + LANES, c##r##_1, alpha, beta);
#define PUT_3(r) PUT_2(r) put(out + r * ld + 2 * LANES, c##r##_2, alpha, beta);

/* C = alpha AB + beta C of a whole block. */
#define BLOCK(name, ROWS, vectors, POINTERS, ELEMENT, NEXT)                                                            \
    static void name(const block_operands *o, float *restrict out, int64_t ld, float alpha, float beta)                 \
    {                                                                                                                  \
        const int64_t depth = o->depth, step_b = o->step_b;                                                            \
        const float *restrict b = o->b;                                                                                \
        POINTERS(ROWS)                                                                                                 \
        ROWS(ZERO_##vectors)                                                                                           \
        for (int64_t k = 0; k < depth; k++, b += step_b) {                                                             \
            LOAD_##vectors                                                                                             \
            ROWS(ELEMENT##_##vectors)                                                                                  \
            NEXT                                                                                                       \
        }                                                                                                              \
        ROWS(PUT_##vectors)                                                                                            \
    }

#define DECLARE(r) const float *const a##r = o->a[r];
#define FAR_POINTERS(ROWS) ROWS(DECLARE)
#define FAR_1(r) STEP_1(r, a##r[k])
#define FAR_2(r) STEP_2(r, a##r[k])
#define FAR_3(r) STEP_3(r, a##r[k])
#define NEAR_POINTERS(ROWS)                                                                                            \
    const float *near = o->a[0];                                                                                       \
    const int64_t step_a = o->step_a;
#define NEAR_NEXT near += step_a;
#define NEAR_1(r) STEP_1(r, near[r])
#define NEAR_2(r) STEP_2(r, near[r])
#define NEAR_3(r) STEP_3(r, near[r])

typedef void (*block_fn)(const block_operands *, float *, int64_t, float, float);
#define BOTH(rows, vectors)                                                                                            \
    BLOCK(far_##rows##_##vectors, ROWS_##rows, vectors, FAR_POINTERS, FAR, )                                           \
    BLOCK(near_##rows##_##vectors, ROWS_##rows, vectors, NEAR_POINTERS, NEAR, NEAR_NEXT)
/* Whole blocks, and those of the last rows. By the kind of left operand, rows (half or all), vectors. */
#if MR == 8
BOTH(4, 1) BOTH(4, 2) BOTH(4, 3) BOTH(8, 1) BOTH(8, 2) BOTH(8, 3)
#define HALF 4
static const block_fn blocks[2][2][NV] = {{{far_4_1, far_4_2, far_4_3}, {far_8_1, far_8_2, far_8_3}},
                                          {{near_4_1, near_4_2, near_4_3}, {near_8_1, near_8_2, near_8_3}}};
#else
BOTH(2, 1) BOTH(2, 2) BOTH(2, 3) BOTH(4, 1) BOTH(4, 2) BOTH(4, 3)
#define HALF 2
static const block_fn blocks[2][2][NV] = {{{far_2_1, far_2_2, far_2_3}, {far_4_1, far_4_2, far_4_3}},
                                          {{near_2_1, near_2_2, near_2_3}, {near_4_1, near_4_2, near_4_3}}};
#endif

/* The same for the part of a block that exists, from alpha AB. */
static void store_block(const float *block, float *c, int64_t ldc, int64_t rows, int64_t columns, float beta)
{
    for (int64_t i = 0; i < rows; i++, c += ldc, block += NR) {
        if (beta == 0) {
            for (int64_t j = 0; j < columns; j++) c[j] = block[j];
        } else {
            for (int64_t j = 0; j < columns; j++) c[j] = FMA(beta, c[j], block[j]);
        }
    }
}

/* ---- packing ---- */

/* Rows of B run along the columns of C: copies. */
static void pack_copy(float *restrict to, const float *restrict b, int64_t ld, int64_t depth, int64_t columns)
{
    if (columns == NR) {
        for (int64_t k = 0; k < depth; k++, to += NR, b += ld) memcpy(to, b, NR * sizeof *to);
        return;
    }
    for (int64_t k = 0; k < depth; k++, to += NR, b += ld) {
        for (int64_t j = 0; j < columns; j++) to[j] = b[j];
        for (int64_t j = columns; j < NR; j++) to[j] = 0;
    }
}

/* Rows of B run along k: transposes, in squares of four where there are such. */
static void pack_transpose(float *restrict to, const float *restrict b, int64_t ld, int64_t depth, int64_t columns)
{
    int64_t j = 0;
#if defined(__SSE2__)
    for (; j + 4 <= columns; j += 4) {
        const float *p = b + j * ld;
        float *q = to + j;
        int64_t k = 0;
        for (; k + 4 <= depth; k += 4) {
            __m128 r0 = _mm_loadu_ps(p + k), r1 = _mm_loadu_ps(p + ld + k);
            __m128 r2 = _mm_loadu_ps(p + 2 * ld + k), r3 = _mm_loadu_ps(p + 3 * ld + k);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(q + k * NR, r0);
            _mm_storeu_ps(q + (k + 1) * NR, r1);
            _mm_storeu_ps(q + (k + 2) * NR, r2);
            _mm_storeu_ps(q + (k + 3) * NR, r3);
        }
        for (; k < depth; k++)
            for (int64_t i = 0; i < 4; i++) q[k * NR + i] = p[i * ld + k];
    }
#endif
    for (; j < columns; j++)
        for (int64_t k = 0; k < depth; k++) to[k * NR + j] = b[j * ld + k];
    for (; j < NR; j++)
        for (int64_t k = 0; k < depth; k++) to[k * NR + j] = 0;
}

/* The left operand, columns of whose rows run along k: panels of MR rows. */
static void pack_left(float *restrict to, const float *restrict a, int64_t ld, int64_t depth, int64_t rows)
{
    for (int64_t i = 0; i < rows; i += MR, to += MR * KC) {
        const int64_t n = rows - i < MR ? rows - i : MR;
        const float *p = a + i;
        float *q = to;
        if (n == MR) {
            for (int64_t k = 0; k < depth; k++, q += MR, p += ld) memcpy(q, p, MR * sizeof *q);
            continue;
        }
        for (int64_t k = 0; k < depth; k++, q += MR, p += ld)
            for (int64_t r = 0; r < MR; r++) q[r] = r < n ? p[r] : 0;
    }
}

/* ---- a tile ---- */

/* Up to these lengths of rows, KC of them do not push each other out of the first-level cache. */
#define NEAR_LEFT 127
#define NEAR_RIGHT 64

/* Whether a panel of the right operand is read where it is: whole aligned vectors, whatever k. */
static int panel_is_near(const sbi_cpu_tile *t, int64_t columns)
{
    return !t->transpose_b && t->ldb <= NEAR_RIGHT && t->ldb % LANES == 0 && columns % LANES == 0 &&
           (uintptr_t)t->b % (LANES * sizeof(float)) == 0;
}

/* Rows of a transposed left operand that are read where they are; the others are packed. */
static int64_t near_rows(const sbi_cpu_tile *t)
{
    return t->transpose_a && t->lda <= NEAR_LEFT ? t->m / MR * MR : 0;
}

/* All rows of the tile against one panel, depth rows of which are at `panel`, step_b apart. */
static void run_panel(const sbi_cpu_tile *t, const float *left, const float *panel, int64_t step_b, int64_t first_k, int64_t depth,
                      int64_t j, int64_t columns)
{
    const block_fn whole = blocks[t->transpose_a != 0][1][(columns - 1) / LANES], half = blocks[t->transpose_a != 0][0][(columns - 1) / LANES];
    const float beta = first_k ? 1.0f : t->beta;
    const int64_t near = near_rows(t);
    float result[MR * NR] __attribute__((aligned(64)));
    block_operands o = {.b = panel, .depth = depth, .step_b = step_b};
    for (int64_t i = 0; i < t->m; i += MR) {
        const int64_t rows = t->m - i < MR ? t->m - i : MR;
        float *c = t->c + i * t->ldc + j;
        o.step_a = i < near ? t->lda : MR;
        if (i < near) {
            o.a[0] = t->a + first_k * t->lda + i;
        } else if (t->transpose_a) {
            o.a[0] = left + i * KC;
        } else {
            for (int64_t r = 0; r < MR; r++) /* rows that are not there repeat the first, and are not stored */
                o.a[r] = t->a + (r < rows ? i + r : i) * t->lda + first_k;
        }
        const block_fn block = rows > HALF ? whole : half;
        if ((rows == MR || rows == HALF) && columns % LANES == 0) {
            block(&o, c, t->ldc, t->alpha, beta);
        } else {
            block(&o, result, NR, t->alpha, 0);
            store_block(result, c, t->ldc, rows, columns, beta);
        }
    }
}

void SBI_ISA_NAME(sbi_cpu_gemm_tile)(const sbi_cpu_tile *t, float *scratch)
{
    float *panel = scratch, *left = scratch + SBI_CPU_PANEL * KC;
    const int64_t near = near_rows(t);
    int64_t k = 0;
    do {
        const int64_t depth = t->k - k < KC ? t->k - k : KC;
        if (t->transpose_a) pack_left(left + near * KC, t->a + k * t->lda + near, t->lda, depth, t->m - near);
        for (int64_t j = 0; j < t->n; j += NR) {
            const int64_t columns = t->n - j < NR ? t->n - j : NR;
            if (panel_is_near(t, columns)) {
                run_panel(t, left, t->b + k * t->ldb + j, t->ldb, k, depth, j, columns);
                continue;
            }
            if (t->transpose_b) {
                pack_transpose(panel, t->b + j * t->ldb + k, t->ldb, depth, columns);
            } else {
                pack_copy(panel, t->b + k * t->ldb + j, t->ldb, depth, columns);
            }
            run_panel(t, left, panel, NR, k, depth, j, columns);
        }
        k += depth;
    } while (k < t->k);
}
