/* SPDX-License-Identifier: Apache-2.0 */
/* Where factors of additive morphs vanish.
 *
 * A pass has the derivatives of y = prod_k g_k from phi_k = g'_k / g_k. The additive codes let g_k be zero or negative. A negative g is
 * as good as a positive one. At g = 0 the value is right, but y phi is not there to be had; near it second derivatives lose what
 * phi^2 - phi^2 cancels: an event's part of them is good to 2^-53 |phi| (relative to what it is elsewhere), so |phi| beyond
 * 2^26 is refused where second derivatives are wanted, and infinite phi where first ones are. Events of weight zero may do what
 * they like.
 */
#include <math.h>
#include <string.h>

#include "tape/event_pass.h"
#include "tape/interpolation.h"

#define LARGEST_PHI 0x1p26 /* for second derivatives */

void sbi_chunk_find_poles(const sbi_pass_task *task, sbi_chunk_space *space, size_t p, const sbi_chunk *chunk)
{
    const sbi_pass *pass = task->pass;
    const size_t first = pass->first_factor[p], last = pass->first_factor[p + 1], n = chunk->n;
    const double limit = task->want > SBI_WANT_GRADIENT ? LARGEST_PHI : 1e300;
    uint8_t *poles = space->poles + p * pass->chunk;
    int any = 0;
    for (size_t k = first; k < last; k++) {
        const double *phi = space->phi + k * pass->chunk;
        int here = 0;
        for (size_t e = 0; e < n; e++)
            here |= !(fabs(phi[e]) <= limit);
        if (here && !any) memset(poles, 0, n);
        for (size_t e = 0; here && e < n; e++)
            poles[e] |= !(fabs(phi[e]) <= limit);
        any |= here;
    }
    space->has_poles[p] = any != 0;
    if (!any) return;
    /* Rows are multiplied by zero for events without weight: they must be finite. */
    for (size_t k = first; k < last; k++) {
        double *phi = space->phi + k * pass->chunk, *chi = space->chi ? space->chi + k * pass->chunk : NULL;
        for (size_t e = 0; e < n; e++) {
            if (!poles[e]) continue;
            phi[e] = 0.0;
            if (chi) chi[e] = 0.0;
        }
    }
}

static double entry(const sbi_pass_task *task, const sbi_tape_column_data *column, int log_stored, int64_t event)
{
    double value;
    task->kernels->load(&value, column, event, 1, 1);
    return log_stored ? exp(value) : value;
}

/* Says which factor of the morph is smallest at this event. */
static sbi_status pole_error(const sbi_pass_task *task, const sbi_chunk_space *space, size_t p, int64_t event)
{
    const sbi_tape *tape = task->tape;
    const int32_t index = task->pass->morphs[p];
    const sbi_morph *m = &tape->morphs[index];
    const size_t first = task->pass->first_factor[p];
    const sbi_tape_column_data *up = m->source >= 0 ? space->stream.up + first : m->up;
    const sbi_tape_column_data *down = m->source >= 0 ? space->stream.down + first : m->down;
    double smallest = (double)INFINITY;
    size_t which = 0;
    for (size_t k = 0; k < m->n; k++) {
        double f[3];
        sbi_interpolate(m->code, entry(task, up + k, m->storage == SBI_MORPH_LOG, event),
                        entry(task, down + k, m->storage == SBI_MORPH_LOG, event), task->factors[first + k].alpha, f);
        if (!(fabs(f[0]) < fabs(smallest))) continue;
        smallest = f[0];
        which = k;
    }
    int32_t node = 0;
    while (tape->nodes[node].op != SBI_NODE_MORPH || tape->nodes[node].payload != index)
        node++;
    char params[200];
    sbi_node_params(tape, m->alphas[which], params, sizeof params);
    return sbi_fail(SBI_ERR_DOMAIN,
                    "node %d (morph), event %lld of \"%s\": the factor of %s is %.3g at alpha = %.17g, too near to zero for derivatives",
                    node, (long long)event, tape->event_sets[task->pass->events].name, params, smallest,
                    task->factors[first + which].alpha);
}

sbi_status sbi_chunk_check_poles(const sbi_pass_task *task, const sbi_chunk_space *space, size_t reduction, const sbi_chunk *chunk)
{
    const sbi_reduction *r = &task->pass->reductions[reduction];
    for (size_t i = 0; i < r->n_morphs; i++) {
        const size_t p = (size_t)r->morphs[i];
        if (!space->has_poles[p]) continue;
        const uint8_t *poles = space->poles + p * task->pass->chunk;
        for (size_t e = 0; e < chunk->n; e++)
            if (poles[e] && space->weight[e] != 0.0) return pole_error(task, space, p, chunk->first + (int64_t)e);
    }
    return SBI_OK;
}
