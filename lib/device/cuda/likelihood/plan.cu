/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cuda/likelihood/plan.cuh"

#include "device/cuda/likelihood/hessian_size.cuh"

/* ---- the pass -------------------------------------------------------------------------------------------------- */

static void plan_operations(const sbi_reduction *r, reduction_plan *out, tables *fixed)
{
    /* Rows of values: morphs, columns, results; scalars have none. */
    const int uniform = (int)(r->n_scalars + r->n_fixed), morphs = (int)r->n_morphs;
    const auto row = [&](int slot) { return slot < morphs ? slot : slot < morphs + uniform ? -1 - (slot - morphs) : slot - uniform; };
    std::vector<int> adjoint(r->n_slots, -1);
    int active = 0;
    for (size_t v = 0; v < r->n_slots; v++)
        if (r->slot_active[v]) adjoint[v] = active++;
    std::vector<operation> ops(r->n_ops);
    for (size_t k = 0; k < r->n_ops; k++) {
        const sbi_narrow_op &from = r->ops[k];
        operation &to = ops[k];
        to = {from.op, from.aux, from.power, from.active_a, from.active_b, row(from.out), row(from.a), 0, 0, 0, 0, sbi_narrow_is_binary(from.op)};
        to.b = from.b >= 0 ? row(from.b) : 0;
        to.adjoint_out = adjoint[from.out];
        to.adjoint_a = adjoint[from.a];
        to.adjoint_b = from.b >= 0 ? adjoint[from.b] : -1;
    }
    std::vector<int> inputs(adjoint.begin(), adjoint.begin() + (long)(r->n_morphs + r->n_scalars));
    out->ops = fixed->add(ops);
    out->input_adjoint = fixed->add(inputs);
    reduction &s = out->sizes;
    s.n_uniform = uniform;
    s.n_ops = (int)r->n_ops;
    s.n_aux = (int)r->n_aux;
    s.n_values = (int)r->n_slots - uniform;
    s.n_active = active;
    s.root = row(r->root);
    s.root_active = r->slot_active[r->root];
    s.root_adjoint = adjoint[r->root];
}

static void plan_factors(const sbi_accelerator_layout *layout, const sbi_reduction *r, reduction_plan *out, tables *fixed)
{
    const sbi_pass *pass = layout->pass;
    std::vector<int> morphs(r->morphs, r->morphs + r->n_morphs), linear, index, first;
    out->phi_row.assign(r->n_morphs * r->n_alphas, -1);
    for (size_t p = 0; p < r->n_morphs; p++) {
        const size_t from = pass->first_factor[morphs[p]], to = pass->first_factor[morphs[p] + 1];
        linear.push_back(layout->tape->morphs[pass->morphs[morphs[p]]].code == SBI_CODE_LINEAR);
        first.push_back((int)index.size());
        for (size_t k = from; k < to; k++) {
            const int input = r->morph_inputs[p][k - from];
            index.push_back((int)k);
            out->factor_input.push_back(input);
            out->factor_morph.push_back((int)p);
            out->phi_row[p * r->n_alphas + (size_t)input] = (int)k;
        }
    }
    first.push_back((int)index.size());
    out->n_factors = (int)index.size();
    out->morphs = fixed->add(morphs);
    out->linear = fixed->add(linear);
    out->index = fixed->add(index);
    out->first = fixed->add(first);
    out->of_morph = fixed->add(out->factor_morph);
    out->inputs = fixed->add(out->factor_input);
    out->scalar_inputs = fixed->add(r->scalar_inputs, r->n_scalars * sizeof(int));
}

sbi_status plan_pass(const sbi_accelerator_layout *layout, const sbi_accelerator_host *host, tables *fixed,
                     std::vector<reduction_plan> *out, size_t *first_factor)
{
    const sbi_pass *pass = layout->pass;
    const auto column = [&](int c) { return input_column{layout->columns[c].offset, layout->columns[c].dtype}; };
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        for (size_t k = 0; k < r->n_ops; k++) {
            if (r->ops[k].op != SBI_NARROW_MAP && r->ops[k].op <= SBI_NARROW_POISSON) continue;
            host->message("a registered function runs on the processor only");
            return SBI_ERR_UNSUPPORTED;
        }
        reduction_plan plan = {};
        plan.sizes.n_morphs = (int)r->n_morphs;
        plan.sizes.n_scalars = (int)r->n_scalars;
        plan.sizes.n_columns = (int)r->n_columns;
        plan.sizes.weights = r->weights >= 0;
        if (r->weights >= 0) plan.sizes.weight = column(r->weights);
        std::vector<input_column> columns;
        for (size_t c = 0; c < r->n_columns; c++)
            columns.push_back(column(r->columns[c]));
        plan.columns = fixed->add(columns);
        plan_factors(layout, r, &plan, fixed);
        plan_operations(r, &plan, fixed);
        out->push_back(plan);
    }
    std::vector<int> first(pass->first_factor, pass->first_factor + pass->n_morphs + 1);
    *first_factor = fixed->add(first);
    return SBI_OK;
}

/* ---- one evaluation -------------------------------------------------------------------------------------------- */

/* Which sums make up each number of a partial sum, in their order. */
struct contributions {
    std::vector<int> to, from;
    void add(size_t number, size_t sum)
    {
        to.push_back((int)number);
        from.push_back((int)sum);
    }
    void sort(size_t n_partial, std::vector<int> *first, std::vector<int> *source) const
    {
        first->assign(n_partial + 1, 0);
        source->resize(from.size());
        for (int t : to)
            (*first)[(size_t)t + 1]++;
        for (size_t o = 0; o < n_partial; o++)
            (*first)[o + 1] += (*first)[o];
        std::vector<int> next(*first);
        for (size_t i = 0; i < to.size(); i++)
            (*source)[(size_t)next[(size_t)to[i]]++] = from[i];
    }
};

static void add_element(contributions *c, const sbi_reduction *r, const sbi_reduction_task *rt, int a, int b, size_t sum)
{
    const int low = a < b ? a : b, high = a < b ? b : a;
    if (rt->row_of[low] >= 0)
        c->add(rt->hessian + (size_t)rt->row_of[low] * r->n_inputs + (size_t)high, sum);
    else if (rt->row_of[high] >= 0)
        c->add(rt->hessian + (size_t)rt->row_of[high] * r->n_inputs + (size_t)low, sum);
}

static void plan_tiles(const sbi_reduction *r, const sbi_reduction_task *rt, const reduction_plan &plan, bool differences,
                       reduction_sums *s, tables *changing, contributions *c)
{
    const int alphas = (int)r->n_alphas, w = (int)r->n_morphs;
    std::vector<int2> tiles;
    for (int i = 0; i < s->padded / 4; i++)
        for (int j = i; j < s->padded / 4; j++) {
            bool wanted = false;
            for (int k = 4 * i; k < 4 * i + 4 && k < alphas; k++)
                wanted |= rt->row_of[k] >= 0;
            for (int l = 4 * j; l < 4 * j + 4 && l < alphas; l++)
                wanted |= rt->row_of[l] >= 0;
            if (wanted) tiles.push_back(int2{i, j});
        }
    s->n_tiles = (int)tiles.size();
    for (size_t n = 0; n < tiles.size(); n++)
        for (int k = 4 * tiles[n].x; k < 4 * tiles[n].x + 4 && k < alphas; k++)
            for (int l = 4 * tiles[n].y; l < 4 * tiles[n].y + 4 && l < alphas; l++)
                for (size_t piece = 0; k <= l && piece < PIECES; piece++)
                    add_element(c, r, rt, k, l, s->tiles + (piece * tiles.size() + n) * 16 + (size_t)(4 * (k % 4) + l % 4));
    std::vector<int> rows, subtract, coupling;
    for (int p = 0; p < w; p++) {
        if (differences && p == r->reference) continue;
        rows.insert(rows.end(), plan.phi_row.begin() + (long)p * alphas, plan.phi_row.begin() + (long)(p + 1) * alphas);
        for (int q = 0; q < w; q++) {
            if (differences && q == r->reference) continue;
            const int low = p < q ? p : q, high = p < q ? q : p;
            coupling.push_back(low * w - low * (low - 1) / 2 + high - low);
        }
    }
    if (differences)
        subtract.assign(plan.phi_row.begin() + (long)r->reference * alphas, plan.phi_row.begin() + (long)(r->reference + 1) * alphas);
    s->tile_list = changing->add(tiles);
    s->tile_rows = changing->add(rows);
    s->subtract = differences ? changing->add(subtract) : (size_t)-1;
    s->coupling_row = changing->add(coupling);
}

static sbi_status plan_hessian(const sbi_reduction *r, const sbi_reduction_task *rt, const reduction_plan &plan, bool differences,
                               size_t shared, const sbi_accelerator_host *host, reduction_sums *s, tables *changing,
                               contributions *c, size_t *at)
{
    const size_t scalars = r->n_scalars, factors = (size_t)plan.n_factors;
    s->pairs = *at;
    *at += scalars * (scalars + 1) / 2;
    s->mixed = *at;
    *at += scalars * factors;
    size_t i = 0;
    for (size_t q = 0; q < scalars; q++)
        for (size_t o = q; o < scalars; o++, i++)
            add_element(c, r, rt, r->scalar_inputs[q], r->scalar_inputs[o], s->pairs + i);
    for (size_t k = 0; k < factors; k++)
        add_element(c, r, rt, plan.factor_input[k], plan.factor_input[k], s->diagonal + k);
    for (size_t q = 0; q < scalars; q++)
        for (size_t k = 0; k < factors; k++) {
            const int a = plan.factor_input[k], b = r->scalar_inputs[q];
            add_element(c, r, rt, a, b, s->mixed + q * factors + k);
            if (a == b) add_element(c, r, rt, a, b, s->mixed + q * factors + k); /* stands on both sides of its own diagonal */
        }
    if (r->n_alphas == 0) return SBI_OK;
    s->terms = (int)r->n_morphs - differences;
    s->padded = (int)(r->n_alphas + 3) / 4 * 4;
    /* The order of sums follows from the chunk, so it may depend on the tape alone. */
    for (s->shift = 4; s->shift > 2 && hessian_shared(s->terms, s->padded, 1 << s->shift) * 8 > 60 * 1024; s->shift--)
        ;
    s->chunk = 1 << s->shift;
    if (hessian_shared(s->terms, s->padded, s->chunk) * 8 > shared) {
        host->message("a Hessian with so many morphs and parameters does not fit the device's shared memory");
        return SBI_ERR_UNSUPPORTED;
    }
    s->tiles = *at;
    plan_tiles(r, rt, plan, differences, s, changing, c);
    *at += (size_t)PIECES * (size_t)s->n_tiles * 16;
    return SBI_OK;
}

static void plan_hvp(const sbi_reduction *r, const sbi_reduction_task *rt, const reduction_plan &plan, size_t m, reduction_sums *s,
                     tables *changing, contributions *c, size_t *at)
{
    const size_t factors = (size_t)plan.n_factors, scalars = r->n_scalars;
    s->hvp_scalars = *at;
    *at += m * scalars;
    s->hvp = *at;
    *at += m * factors;
    for (size_t k = 0; k < factors; k++)
        c->add(rt->diagonal + (size_t)plan.factor_input[k], s->diagonal + k);
    for (size_t i = 0; i < m; i++) {
        for (size_t k = 0; k < factors; k++)
            c->add(rt->hvp + i * r->n_inputs + (size_t)plan.factor_input[k], s->hvp + i * factors + k);
        for (size_t q = 0; q < scalars; q++)
            c->add(rt->hvp + i * r->n_inputs + (size_t)r->scalar_inputs[q], s->hvp_scalars + i * scalars + q);
    }
    s->dx = changing->add(rt->tangents, m * r->n_inputs * sizeof(double));
}

static size_t add_factors(const sbi_accelerator_layout *layout, const sbi_pass_task *task, tables *changing)
{
    const sbi_pass *pass = layout->pass;
    std::vector<factor> factors(pass->first_factor[pass->n_morphs]);
    for (size_t p = 0; p < pass->n_morphs; p++) {
        const sbi_morph &m = layout->tape->morphs[pass->morphs[p]];
        for (size_t k = pass->first_factor[p]; k < pass->first_factor[p + 1]; k++) {
            factor &f = factors[k];
            f.up = layout->up[k].offset;
            f.down = layout->down[k].offset;
            f.up_dtype = layout->up[k].dtype;
            f.down_dtype = layout->down[k].dtype;
            f.kind = m.code == SBI_CODE_LINEAR ? FACTOR_LINEAR : m.storage == SBI_MORPH_LOG ? FACTOR_LOG : FACTOR_RATIO;
            f.additive = m.code == SBI_INTERP_CODE0 || m.code == SBI_INTERP_CODE2 || m.code == SBI_INTERP_CODE4P;
            f.at = task->factors[k];
        }
    }
    return changing->add(factors);
}

sbi_status plan_evaluation(const sbi_accelerator_layout *layout, const sbi_accelerator_host *host,
                           const std::vector<reduction_plan> &reductions, const sbi_pass_task *task, size_t shared,
                           tables *changing, evaluation *out)
{
    const sbi_pass *pass = layout->pass;
    contributions c;
    size_t at = 0;
    *out = {};
    out->want = task->want;
    out->order = task->want > SBI_WANT_GRADIENT ? 2 : task->want;
    out->m = task->want == SBI_WANT_HVP ? (int)task->m : 0;
    changing->bytes.clear();
    out->factors = add_factors(layout, task, changing);
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        const sbi_reduction_task *rt = &task->reductions[j];
        const reduction_plan &plan = reductions[j];
        reduction_sums s = {};
        std::vector<double> uniform;
        for (size_t q = 0; q < r->n_scalars + r->n_fixed; q++)
            uniform.push_back(task->scalars[r->scalars[q]]);
        s.uniform = changing->add(uniform);
        s.value = at++;
        c.add(rt->value, s.value);
        if (out->order > 0) {
            s.scalars = at;
            at += r->n_scalars;
            s.gradient = at;
            at += (size_t)plan.n_factors;
            s.diagonal = at;
            at += (size_t)plan.n_factors;
            for (int k = 0; k < plan.n_factors; k++)
                c.add(rt->gradient + (size_t)plan.factor_input[(size_t)k], s.gradient + (size_t)k);
            for (size_t q = 0; q < r->n_scalars; q++)
                c.add(rt->gradient + (size_t)r->scalar_inputs[q], s.scalars + q);
        }
        s.second = task->want == SBI_WANT_HVP || (task->want == SBI_WANT_HESSIAN && rt->n_rows > 0);
        const bool differences = pass->n_reductions == 1 && r->reference >= 0;
        if (task->want == SBI_WANT_HVP) plan_hvp(r, rt, plan, task->m, &s, changing, &c, &at);
        if (task->want == SBI_WANT_HESSIAN && s.second)
            STATUS_TRY(plan_hessian(r, rt, plan, differences, shared, host, &s, changing, &c, &at));
        out->reductions.push_back(s);
    }
    std::vector<int> first, source;
    c.sort(task->partial, &first, &source);
    out->gather_first = changing->add(first);
    out->gather_source = changing->add(source);
    out->n_sums = at;
    out->n_partial = task->partial;
    return SBI_OK;
}
