/* SPDX-License-Identifier: Apache-2.0 */
/* A tile of a matrix product, in one thread.
 *
 * The library has a product of its own because it calls it from several threads at once: a BLAS without threads need not be safe
 * for that (Debian's serial OpenBLAS 0.3.21 returns wrong numbers), and one with threads gives bits that depend on their number.
 *
 * A block of MR rows by NV vectors of C stays in registers while k runs. The right operand is packed in panels of that
 * width, at most KC deep, so that a panel stays in the first-level cache while all rows of the tile pass over it: by the tile itself,
 * or for all tiles before them (sbi_cpu_pack). Rows of the left one are packed in panels of MR rows, which stay in the second-level cache.
 * Operands of small networks, which are in the first-level cache anyhow, and rows that few columns use are read where they are. The order
 * of sums over k depends on k alone.
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
#define LINE 16 /* floats of a line of the cache */
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
/* C is not in the first-level cache when it is needed. */
#define FETCH(r)                                                                                                       \
    __builtin_prefetch(out + r * ld, 1);                                                                               \
    __builtin_prefetch(out + r * ld + LINE, 1);
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
        ROWS(FETCH)                                                                                                    \
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

#define AHEAD 16 /* rows */
/* Rows that lie in pages of their own are not foreseen by the processor. */
INLINE void fetch_ahead(const float *row, int64_t ld, int64_t n)
{
    const uintptr_t ahead = (uintptr_t)row + (uintptr_t)(AHEAD * ld) * sizeof *row; /* may lie past the last row: never read */
    for (int64_t i = 0; i < n; i += LINE) __builtin_prefetch((const void *)(ahead + (uintptr_t)i * sizeof *row));
}

/* Rows of B run along the columns of C: copies. */
static void pack_copy(float *restrict to, const float *restrict b, int64_t ld, int64_t depth, int64_t columns)
{
    if (columns == NR) {
        for (int64_t k = 0; k < depth; k++, to += NR, b += ld) {
            fetch_ahead(b, ld, NR);
            memcpy(to, b, NR * sizeof *to);
        }
        return;
    }
    for (int64_t k = 0; k < depth; k++, to += NR, b += ld) {
        for (int64_t j = 0; j < columns; j++) to[j] = b[j];
        for (int64_t j = columns; j < NR; j++) to[j] = 0;
    }
}

/* Rows along k become columns of a panel `width` wide, in squares of four where there are such. */
static void pack_transpose(float *restrict to, int64_t width, const float *restrict from, int64_t ld, int64_t depth, int64_t rows)
{
    int64_t j = 0;
#if defined(__SSE2__)
    for (; j + 4 <= rows; j += 4) {
        const float *p = from + j * ld;
        float *q = to + j;
        int64_t k = 0;
        for (; k + 4 <= depth; k += 4) {
            __m128 r0 = _mm_loadu_ps(p + k), r1 = _mm_loadu_ps(p + ld + k);
            __m128 r2 = _mm_loadu_ps(p + 2 * ld + k), r3 = _mm_loadu_ps(p + 3 * ld + k);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(q + k * width, r0);
            _mm_storeu_ps(q + (k + 1) * width, r1);
            _mm_storeu_ps(q + (k + 2) * width, r2);
            _mm_storeu_ps(q + (k + 3) * width, r3);
        }
        for (; k < depth; k++)
            for (int64_t i = 0; i < 4; i++) q[k * width + i] = p[i * ld + k];
    }
#endif
    for (; j < rows; j++)
        for (int64_t k = 0; k < depth; k++) to[k * width + j] = from[j * ld + k];
    for (; j < width; j++)
        for (int64_t k = 0; k < depth; k++) to[k * width + j] = 0;
}

#define PANELS (LINE / MR)
_Static_assert(LINE % MR == 0, "a line holds whole panels");

/* Panels of MR rows of the left operand from columns of a transposed one: a line of the cache at a time, so that each is read once. */
static void pack_columns(float *restrict to, const float *restrict a, int64_t ld, int64_t depth, int64_t rows)
{
    int64_t i = 0;
    for (; i + LINE <= rows; i += LINE) {
        const float *p = a + i;
        float *q = to + i * KC;
        for (int64_t k = 0; k < depth; k++, q += MR, p += ld) {
            fetch_ahead(p, ld, LINE);
            for (int64_t r = 0; r < PANELS; r++) memcpy(q + r * MR * KC, p + r * MR, MR * sizeof *q);
        }
    }
    for (; i < rows; i += MR) {
        const int64_t n = rows - i < MR ? rows - i : MR;
        const float *p = a + i;
        float *q = to + i * KC;
        for (int64_t k = 0; k < depth; k++, q += MR, p += ld)
            for (int64_t r = 0; r < MR; r++) q[r] = r < n ? p[r] : 0;
    }
}

static void pack_rows(float *to, const float *a, int64_t ld, int64_t depth, int64_t rows)
{
    for (int64_t i = 0; i < rows; i += MR)
        pack_transpose(to + i * KC, MR, a + i * ld, ld, depth, rows - i < MR ? rows - i : MR);
}

static void pack_panel(float *to, const sbi_cpu_tile *t, int64_t k, int64_t depth, int64_t j, int64_t columns)
{
    if (t->transpose_b) {
        pack_transpose(to, NR, t->b + j * t->ldb + k, t->ldb, depth, columns);
    } else {
        pack_copy(to, t->b + k * t->ldb + j, t->ldb, depth, columns);
    }
}

void SBI_ISA_NAME(sbi_cpu_pack)(const sbi_cpu_tile *t, int64_t k, float *to)
{
    const int64_t depth = t->k - k < KC ? t->k - k : KC;
    for (int64_t j = 0; j < t->n; j += NR) pack_panel(to + j * KC, t, k, depth, j, t->n - j < NR ? t->n - j : NR);
}

/* ---- a tile ---- */

/* Up to these lengths of rows, KC of them do not push each other out of the first-level cache. */
#define NEAR_LEFT 127
#define NEAR_RIGHT 64
/* Columns from which on rows of the left operand are worth packing. */
#define FEW_COLUMNS 192

/* Whether a panel of the right operand is read where it is: whole aligned vectors, whatever k. */
static int panel_is_near(const sbi_cpu_tile *t, int64_t columns)
{
    return !t->transpose_b && t->ldb <= NEAR_RIGHT && t->ldb % LANES == 0 && columns % LANES == 0 &&
           (uintptr_t)t->b % (LANES * sizeof(float)) == 0;
}

/* The left operand of a tile: its rows from `packed` on are in panels of MR at `panels`, those before are read where they are. */
typedef struct left_operand {
    int64_t packed;
    float *panels;
} left_operand;

static int64_t first_packed(const sbi_cpu_tile *t)
{
    if (t->transpose_a) return t->lda <= NEAR_LEFT ? t->m / MR * MR : 0;
    return t->n < FEW_COLUMNS ? t->m : 0;
}

static void pack_left(const left_operand *left, const sbi_cpu_tile *t, int64_t k, int64_t depth)
{
    const int64_t i = left->packed;
    if (t->transpose_a) {
        pack_columns(left->panels + i * KC, t->a + k * t->lda + i, t->lda, depth, t->m - i);
    } else {
        pack_rows(left->panels + i * KC, t->a + i * t->lda + k, t->lda, depth, t->m - i);
    }
}

/* All rows of the tile against one panel, depth rows of which are at `panel`, step_b apart. */
static void run_panel(const sbi_cpu_tile *t, const left_operand *left, const float *panel, int64_t step_b, int64_t first_k, int64_t depth,
                      int64_t j, int64_t columns)
{
    const float beta = first_k ? 1.0f : t->beta;
    float result[MR * NR] __attribute__((aligned(64)));
    block_operands o = {.b = panel, .depth = depth, .step_b = step_b};
    for (int64_t i = 0; i < t->m; i += MR) {
        const int64_t rows = t->m - i < MR ? t->m - i : MR;
        const int packed = i >= left->packed, near = packed || t->transpose_a;
        float *c = t->c + i * t->ldc + j;
        o.step_a = packed ? MR : t->lda;
        if (packed) {
            o.a[0] = left->panels + i * KC;
        } else if (near) {
            o.a[0] = t->a + first_k * t->lda + i;
        } else {
            for (int64_t r = 0; r < MR; r++) /* rows that are not there repeat the first, and are not stored */
                o.a[r] = t->a + (r < rows ? i + r : i) * t->lda + first_k;
        }
        const block_fn block = blocks[near][rows > HALF][(columns - 1) / LANES];
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
    float *own = scratch;
    const left_operand left = {first_packed(t), scratch + SBI_CPU_PANEL * KC};
    int64_t k = 0, finished = 0;
    do {
        const int64_t depth = t->k - k < KC ? t->k - k : KC;
        if (left.packed < t->m) pack_left(&left, t, k, depth);
        for (int64_t j = 0; j < t->n; j += NR) {
            const int64_t columns = t->n - j < NR ? t->n - j : NR;
            if (t->panels) {
                run_panel(t, &left, t->panels + k * t->ld_panels + j * KC, NR, k, depth, j, columns);
            } else if (panel_is_near(t, columns)) {
                run_panel(t, &left, t->b + k * t->ldb + j, t->ldb, k, depth, j, columns);
            } else {
                pack_panel(own, t, k, depth, j, columns);
                run_panel(t, &left, own, NR, k, depth, j, columns);
            }
            const int64_t done = j + columns;
            if (t->finish && k + depth == t->k && (done - finished >= t->finish_columns || done == t->n)) {
                t->finish(t->finish_argument, finished, done - finished);
                finished = done;
            }
        }
        k += depth;
    } while (k < t->k);
}
