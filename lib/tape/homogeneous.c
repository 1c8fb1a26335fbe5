/* SPDX-License-Identifier: Apache-2.0 */
/* Whether multiplying all morphs of a reduction by one number changes what is summed by a constant only.
 *
 * That is so for the logarithm of a mixture, ln sum_p c_p y_p. Then the rows of K = d2f / (d ln y d ln y') sum to zero, since f grows by
 * c s when all ln y grow by s, and in sum_pq phi_p K_pq phi_q every phi_p may be replaced by phi_p - phi_reference: one product of
 * vectors less for each pair of parameters, whatever the signs of the terms. For the mixture it is the covariance of P processes with
 * P - 1 products.
 */
#include "tape/program.h"

/* How a row behaves when all morphs are multiplied by e^s: not at all (and it depends on no morph); by a factor e^(degree s); by
 * a term that is proportional to s and has a factor that no morph enters; otherwise. */
enum { INDEPENDENT, POWER, SHIFT, OTHER };
typedef struct scaling {
    int32_t kind, degree;
} scaling;

static int same_power(scaling a, scaling b) /* of rows that are added */
{
    const int32_t da = a.kind == POWER ? a.degree : 0, db = b.kind == POWER ? b.degree : 0;
    return a.kind <= POWER && b.kind <= POWER && da == db;
}

static int unchanged(scaling a) { return a.kind == INDEPENDENT || (a.kind == POWER && a.degree == 0); }

static scaling sum_of(scaling a, scaling b)
{
    if (a.kind == INDEPENDENT && b.kind == INDEPENDENT) return a;
    if (same_power(a, b)) return (scaling){POWER, a.kind == POWER ? a.degree : b.degree};
    if ((a.kind == SHIFT || unchanged(a)) && (b.kind == SHIFT || unchanged(b))) return (scaling){SHIFT, 0};
    return (scaling){OTHER, 0};
}

static scaling product_of(scaling a, scaling b, int32_t sign)
{
    if (a.kind == INDEPENDENT && b.kind == INDEPENDENT) return a;
    if (a.kind <= POWER && b.kind <= POWER)
        return (scaling){POWER, (a.kind == POWER ? a.degree : 0) + sign * (b.kind == POWER ? b.degree : 0)};
    if (a.kind == SHIFT && b.kind == INDEPENDENT) return a;
    if (b.kind == SHIFT && a.kind == INDEPENDENT && sign > 0) return b;
    return (scaling){OTHER, 0};
}

static scaling result_of(const sbi_narrow_op *op, scaling a, scaling b)
{
    switch (op->op) {
    case SBI_NARROW_ADD:
    case SBI_NARROW_SUB: return sum_of(a, b);
    case SBI_NARROW_MUL: return product_of(a, b, 1);
    case SBI_NARROW_DIV: return product_of(a, b, -1);
    case SBI_NARROW_NEG: return a;
    case SBI_NARROW_SQUARE: return product_of(a, a, 1);
    case SBI_NARROW_LOG: return a.kind == POWER ? (scaling){SHIFT, 0} : a.kind == INDEPENDENT ? a : (scaling){OTHER, 0};
    default: /* a function of what does not change does not change */
        if (sbi_narrow_is_binary(op->op) && !unchanged(b)) return (scaling){OTHER, 0};
        if (a.kind == INDEPENDENT && sbi_narrow_is_binary(op->op)) return b;
        return unchanged(a) ? a : (scaling){OTHER, 0};
    }
}

/* A morph whose alphas all other morphs have too; -1 if there is none. */
static int32_t common_morph(const sbi_reduction *r, const size_t *n_factors, sbi_context *ctx)
{
    uint8_t *has = sbi_alloc_zero(ctx, r->n_morphs * r->n_alphas, 1);
    int32_t found = -1;
    if (!has) return -2;
    for (size_t p = 0; p < r->n_morphs; p++)
        for (size_t k = 0; k < n_factors[p]; k++)
            has[p * r->n_alphas + (size_t)r->morph_inputs[p][k]] = 1;
    for (size_t p = r->n_morphs; p-- > 0 && found < 0;) {
        int common = 1;
        for (size_t q = 0; q < r->n_morphs && common; q++)
            for (size_t a = 0; a < r->n_alphas && common; a++)
                common = has[q * r->n_alphas + a] >= has[p * r->n_alphas + a];
        if (common) found = (int32_t)p;
    }
    sbi_free(ctx, has);
    return found;
}

sbi_status sbi_reduction_find_reference(const sbi_tape *tape, const sbi_pass *pass, sbi_reduction *r)
{
    r->reference = -1;
    if (r->n_morphs < 2) return SBI_OK;
    scaling *s = sbi_alloc_zero(tape->ctx, r->n_slots, sizeof *s);
    size_t *n_factors = sbi_alloc_array(tape->ctx, r->n_morphs, sizeof *n_factors);
    if (!s || !n_factors) {
        sbi_free(tape->ctx, s);
        sbi_free(tape->ctx, n_factors);
        return SBI_ERR_NO_MEMORY;
    }
    int possible = 1;
    for (size_t p = 0; p < r->n_morphs; p++) {
        const sbi_morph *m = &tape->morphs[pass->morphs[r->morphs[p]]];
        s[p] = (scaling){POWER, 1};
        n_factors[p] = m->n;
        possible &= m->code != SBI_CODE_LINEAR && r->slot_active[p];
    }
    for (size_t k = 0; k < r->n_ops; k++) {
        const sbi_narrow_op *op = &r->ops[k];
        s[op->out] = result_of(op, s[op->a], op->b >= 0 ? s[op->b] : (scaling){INDEPENDENT, 0});
    }
    const scaling root = s[r->root];
    sbi_free(tape->ctx, s);
    if (possible && (root.kind == SHIFT || unchanged(root))) r->reference = common_morph(r, n_factors, tape->ctx);
    sbi_free(tape->ctx, n_factors);
    return r->reference == -2 ? SBI_ERR_NO_MEMORY : SBI_OK;
}
