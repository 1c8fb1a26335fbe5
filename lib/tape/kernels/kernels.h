/* SPDX-License-Identifier: Apache-2.0 */
/* The table of event-level kernels, one for each instruction set, and what they work on.
 *
 * A *row* is one double for each event of a chunk, SBI_ALIGNMENT-aligned; its length n is a multiple of SBI_ROW_QUANTUM.
 * Beyond the events that exist a row holds finite padding, and the weight row holds zeros.
 *
 * Every output element is computed by a fixed sequence of operations that depends neither on the block or tile in which it is
 * computed nor on what is computed beside it; this is what makes Hessian rows equal to the full Hessian bit for bit.
 */
#ifndef SBI_TAPE_KERNELS_KERNELS_H
#define SBI_TAPE_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"
#include "sbi/tape.h"

#define SBI_ROW_QUANTUM 16

/* Events of a leaf, the unit of storage and sharding, and of its parts, which threads take: the units of summation. Part of the
 * definition of results: see docs/tape.md. */
#define SBI_TAPE_LEAF 2048
#define SBI_TAPE_PART 512
_Static_assert(SBI_TAPE_LEAF == SBI_TAPE_BLOCK, "a block of a packed store is a leaf");

/* Ranges of |ln| in a leaf of a column, which decide how e^x is computed there; and columns of ratios, whose logarithms are taken. */
enum { SBI_RANGE_TINY, SBI_RANGE_SMALL, SBI_RANGE_MIDDLE, SBI_RANGE_MEDIUM, SBI_RANGE_FULL, SBI_RANGE_RATIO };
/* The largest |ln| of the first four. */
#define SBI_RANGE_TINY_END 0.03125
#define SBI_RANGE_SMALL_END 0.125
#define SBI_RANGE_MIDDLE_END 0.23
#define SBI_RANGE_MEDIUM_END 0.34657

/* A column: where each event's element lies, by sbi_column_at().
 *   borrowed:            leaf_stride = SBI_TAPE_LEAF * stride
 *   from a packed store: leaf_stride = bytes of a block of all its columns
 *   streamed:            leaf_stride = 0, `data` a thread's buffer that holds the leaf at hand */
typedef struct sbi_tape_column_data {
    const char *data;
    int64_t stride;      /* bytes from an event to the next of its leaf */
    int64_t leaf_stride; /* bytes from a leaf to the next */
    int32_t dtype;
    int32_t contiguous;   /* within a leaf */
    const uint8_t *range; /* [leaves], columns of logarithms only */
} sbi_tape_column_data;

/* The element of an event. Those after it follow at `stride` up to the end of its leaf, not beyond. */
static inline const char *sbi_column_at(const sbi_tape_column_data *column, int64_t event)
{
    return column->data + event / SBI_TAPE_LEAF * column->leaf_stride + event % SBI_TAPE_LEAF * column->stride;
}

/* Element types that kernels read in place. */
enum { SBI_READ_F16, SBI_READ_F32, SBI_READ_F64 };

/* Terms of the power series of the mixed precision: of range MEDIUM, which is the most, and below. */
#define SBI_SERIES_TERMS 9
#define SBI_SERIES_TERMS_MIDDLE 7
#define SBI_SERIES_TERMS_SMALL 6
#define SBI_SERIES_TERMS_TINY 4

/* How one factor of a morph is computed at the alpha of this evaluation. */
enum { SBI_FACTOR_POLYNOMIAL, SBI_FACTOR_UP, SBI_FACTOR_DOWN };
typedef struct sbi_morph_factor {
    int32_t mode;
    int32_t in_single; /* whether `series` is set, for factors of logarithms of small range */
    double alpha;
    /* polynomial: coefficients of (u-1, u ln u, u ln^2 u, d-1, d ln d, d ln^2 d) in g - 1, g', g'' */
    double c[3][6];
    /* g - 1, g', g'' as sums of two power series, [.][0][n-1] of (ln u)^n and [.][1][n-1] of (ln d)^n */
    float series[3][2][SBI_SERIES_TERMS];
} sbi_morph_factor;

/* The order in which a leaf's factors are multiplied: factors that are computed the same way stand together, since they go through
 * the kernels in groups. It follows from the columns and alphas alone. */
enum { SBI_STEP_SINGLE, SBI_STEP_DOUBLE, SBI_STEP_EXPONENT }; /* g from power series; from exponentials; exponents are added */
typedef struct sbi_morph_step {
    const char *up, *down; /* the columns' elements of the leaf's first event */
    uint32_t factor;
    uint8_t kind;
    uint8_t range;  /* the larger one of its two columns */
    int8_t up_type, down_type; /* what kernels can read in place: SBI_READ_F16, ...; -1: to be converted */
} sbi_morph_step;

#define SBI_FACTOR_GROUP 4
#define SBI_MORPH_SCRATCH_ROWS (2 * SBI_FACTOR_GROUP + 2)
/* y = prod_k g_k; phi[k] = g'_k / g_k; chi[k] = g''_k / g_k - phi_k^2. */
typedef struct sbi_morph_job {
    const sbi_tape_column_data *up, *down; /* [n_factors] */
    const sbi_morph_factor *factors;       /* [n_factors] */
    const sbi_morph_step *steps;           /* [n_factors] */
    size_t n_factors;
    int32_t log_stored;
    int32_t order;    /* 0: y; 1: and phi; 2: and chi */
    int64_t first;    /* first event of the chunk */
    size_t valid, n;  /* events that exist; row length */
    size_t offset, next; /* of the first event in its leaf; of the chunk whose columns are to be on their way when this one is done */
    size_t row;       /* distance between rows of phi and chi */
    double *y, *phi, *chi;
    double *scratch;  /* [SBI_MORPH_SCRATCH_ROWS, row] */
} sbi_morph_job;

/* Event-wise operations outside the morphs. */
enum {
    SBI_NARROW_ADD,
    SBI_NARROW_SUB,
    SBI_NARROW_MUL,
    SBI_NARROW_DIV,
    SBI_NARROW_NEG,
    SBI_NARROW_SQUARE, /* from here on unary with f' and f'' kept as rows */
    SBI_NARROW_EXP,
    SBI_NARROW_EXPM1,
    SBI_NARROW_LOG,
    SBI_NARROW_LOG1P,
    SBI_NARROW_SQRT,
    SBI_NARROW_TANH,
    SBI_NARROW_LOGISTIC,
    SBI_NARROW_SOFTPLUS,
    SBI_NARROW_POWER,
    SBI_NARROW_MAP,
    SBI_NARROW_LGAMMA,
    SBI_NARROW_DIGAMMA,
    SBI_NARROW_TRIGAMMA,
    SBI_NARROW_POISSON /* a - b ln a, b independent of parameters: unary with f' and f'', but for its second operand */
};

static inline int sbi_narrow_is_binary(int32_t op) { return op <= SBI_NARROW_DIV || op == SBI_NARROW_POISSON; }

/* A registered function of one number; arguments and results as sbi_tape_map_fn. */
typedef struct sbi_narrow_map {
    int32_t (*evaluate)(const double *x, size_t n, double *f, double *f1, double *f2, void *user);
    void *user;
} sbi_narrow_map;

typedef struct sbi_narrow_op {
    int32_t op;
    int32_t out, a, b;          /* slots */
    int32_t aux;                /* first of its auxiliary rows: f', f'' (unary), a third for a map's arguments; 1/b (division) */
    int32_t power;              /* exponent of SBI_NARROW_POWER */
    int32_t active_a, active_b; /* whether the operand depends on a parameter */
    int32_t node;               /* tape node, for messages */
    int32_t reserved_;
    sbi_narrow_map map;         /* SBI_NARROW_MAP */
} sbi_narrow_op;

/* What went wrong in a chunk; event indexes count from the chunk's first. */
typedef struct sbi_narrow_faults {
    int64_t bad_events; /* logarithms of arguments that are not positive and finite, at non-zero weight; maps that are +inf */
    int64_t first_bad;  /* -1: none */
    int64_t domain_event;
    int32_t domain_op;  /* index of the operation without value or derivative, or that failed; -1: none */
    int32_t map_status; /* of a registered function that failed */
} sbi_narrow_faults;

typedef struct sbi_narrow_rows {
    const sbi_narrow_op *ops;
    size_t n_ops;
    size_t n;
    int32_t order;        /* derivatives wanted: 0, 1, 2 */
    double *const *value; /* by slot */
    double *const *aux;
    double *const *adjoint;         /* by slot; rows of active slots */
    double *const *tangent;         /* by slot */
    double *const *adjoint_tangent; /* by slot */
    const double *weight;
} sbi_narrow_rows;

/* A registered function over the events that count; rows as for the other unary operations. In map.c. */
void sbi_narrow_map_rows(const sbi_narrow_rows *rows, size_t index, sbi_narrow_faults *faults);

/* out[ox[i] + oy[j]] += sum over terms t, then events e, of x[t * nx + i][e] * y[t * ny + j][e], for the pairs with
 * ix[i] <= iy[j] (all pairs where ix is NULL). */
typedef struct sbi_dot_job {
    const double *const *x;
    const double *const *y;
    size_t nx, ny, terms, n;
    const size_t *ox, *oy;
    const int32_t *ix, *iy;
    double *out;
} sbi_dot_job;

typedef struct sbi_tape_kernels {
    /* `valid` elements from `first` on, all of one leaf, as doubles, then padding zeros up to n. */
    void (*load)(double *out, const sbi_tape_column_data *column, int64_t first, size_t valid, size_t n);
    void (*morph)(const sbi_morph_job *job);
    void (*forward)(const sbi_narrow_rows *rows, sbi_narrow_faults *faults);
    void (*reverse)(const sbi_narrow_rows *rows);
    void (*tangent)(const sbi_narrow_rows *rows);
    void (*reverse_tangent)(const sbi_narrow_rows *rows);
    /* Sum of weight * x over events with weight != 0. */
    double (*weighted_sum)(const double *weight, const double *x, size_t n);
    /* row = 0 where weight = 0. */
    void (*mask)(double *row, const double *weight, size_t n);
    /* out = a b, and out = a b + c d. */
    void (*product)(double *out, const double *a, const double *b, size_t n);
    void (*product2)(double *out, const double *a, const double *b, const double *c, const double *d, size_t n);
    void (*dots)(const sbi_dot_job *job);
    /* out[j] = sum_k factors[j * n_rows + k] rows[k] for j < m. */
    void (*combine)(double *const *out, const double *factors, const double *const *rows, size_t n_rows, size_t m,
                    size_t n);
    /* out[p] = sum_q m[p * w + q] rows[q] for p < w; a NULL in m or rows stands for zeros. */
    void (*mix)(double *const *out, const double *const *m, const double *const *rows, size_t w, size_t n);
    /* rows[q] -= reference for q < w, then as mix(). No NULL. */
    void (*mix_differences)(double *const *out, const double *const *m, double *const *rows, const double *reference, size_t w,
                            size_t n);
    /* y = f(x), and f', f'' up to `order`, of a unary operation other than POWER and MAP; n a multiple of 8. */
    void (*function)(int32_t op, int order, const double *x, double *y, double *d1, double *d2, size_t n);
} sbi_tape_kernels;

/* The kernels of an instruction set; NULL where this processor or build lacks it. */
const sbi_tape_kernels *sbi_tape_kernels_for(sbi_isa isa);

#endif
