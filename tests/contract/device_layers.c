/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with all that they may have: normalisation, second derivatives, dropout, residual sums; forward and back, against double
 * precision. */
#include "contract/device_arrays.h"

#define SLOPE 0.2f
#define EPSILON 1e-5f

/* ---- forward ---- */

typedef struct layer {
    int32_t activation;
    int norm, add, drop;
    int64_t rows, in, out;
} layer;

static double value_of(int32_t f, double z)
{
    return f == SBI_ACTIVATION_LEAKY_RELU ? (z > 0 ? z : (double)SLOPE * z) : activation_value(f, z);
}

static double slope_of(int32_t f, double z)
{
    return f == SBI_ACTIVATION_LEAKY_RELU ? (z > 0 ? 1 : (double)SLOPE) : activation_slope(f, z);
}

static double curvature_of(int32_t f, double z)
{
    const double h = 2e-4;
    if (f == SBI_ACTIVATION_RELU || f == SBI_ACTIVATION_LEAKY_RELU) return 0;
    return (activation_value(f, z + h) - 2 * activation_value(f, z) + activation_value(f, z - h)) / (h * h);
}

static const uint32_t key[2] = {0x12345678u, 0x9abcdef0u};
#define MASK_ROW 1000003
#define MASK_LAYER 5u
#define PROBABILITY 0.3

static double mask_of(int64_t row, int64_t column)
{
    const uint32_t counter[4] = {(uint32_t)(column / 4), (uint32_t)row, MASK_LAYER, 0};
    uint32_t word[4];
    sbi_philox(counter, key, word);
    return word[column % 4] < (uint32_t)(PROBABILITY * 0x1p32) ? 0 : 1 / (1 - PROBABILITY);
}

typedef struct arrays {
    array x, w, b, gain, offset, add, y, d, dd, n, r;
    uint32_t *key;
} arrays;

static arrays make_arrays(const layer *l)
{
    const size_t rows = (size_t)l->rows, in = (size_t)l->in, out = (size_t)l->out;
    arrays a = {make(rows * in, 1),  make(out * in, 2),   make(out, 3),         make(out, 4),         make(out, 5), make(rows * out, 6),
                make(rows * out, 7), make(rows * out, 8), make(rows * out, 9), make(rows * out, 10), make(rows, 11), NULL};
    void *there = NULL;
    ok(device.ops->allocate(device.self, &there, sizeof key));
    a.key = there;
    ok(device.ops->upload(device.self, there, key, sizeof key));
    return a;
}

static void drop_arrays(arrays *a)
{
    array *all[] = {&a->x, &a->w, &a->b, &a->gain, &a->offset, &a->add, &a->y, &a->d, &a->dd, &a->n, &a->r};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) drop(all[i]);
    device.ops->release(device.self, a->key);
}

static sbi_device_forward operation(const layer *l, const arrays *a)
{
    sbi_device_forward op = {.rows = l->rows, .in = l->in, .out = l->out, .x = a->x.there, .w = a->w.there, .b = a->b.there,
                             .y = a->y.there, .d = a->d.there, .dd = a->dd.there, .activation = l->activation, .slope = SLOPE,
                             .epsilon = EPSILON};
    if (l->norm) {
        op.gain = a->gain.there;
        op.offset = a->offset.there;
        op.n = a->n.there;
        op.r = a->r.there;
    }
    if (l->add) op.add = a->add.there;
    if (l->drop) {
        op.mask_key = a->key;
        op.mask_row = MASK_ROW;
        op.mask_layer = MASK_LAYER;
        op.mask_below = (uint32_t)(PROBABILITY * 0x1p32);
        op.mask_scale = (float)(1 / (1 - PROBABILITY));
    }
    return op;
}

/* Row i of U, and of N with its r. */
static void row_of(const layer *l, const arrays *a, int64_t i, double *u, double *n, double *r)
{
    double mean = 0, variance = 0;
    for (int64_t o = 0; o < l->out; o++) {
        u[o] = (double)a->b.host[o];
        for (int64_t j = 0; j < l->in; j++) u[o] += (double)a->x.host[i * l->in + j] * (double)a->w.host[o * l->in + j];
        mean += u[o] / (double)l->out;
    }
    if (!l->norm) return;
    for (int64_t o = 0; o < l->out; o++) variance += (u[o] - mean) * (u[o] - mean) / (double)l->out;
    *r = 1 / sqrt(variance + (double)EPSILON);
    for (int64_t o = 0; o < l->out; o++) {
        n[o] = (u[o] - mean) * *r;
        u[o] = n[o] * (double)a->gain.host[o] + (double)a->offset.host[o];
    }
}

static void check_layer(layer l)
{
    arrays a = make_arrays(&l);
    const sbi_device_forward op = operation(&l, &a);
    double *u = malloc((size_t)l.out * sizeof *u), *n = malloc((size_t)l.out * sizeof *n), r = 0;
    const double size = sqrt((double)l.in);
    const int kinked = l.activation == SBI_ACTIVATION_RELU || l.activation == SBI_ACTIVATION_LEAKY_RELU;
    const int active = l.activation != SBI_DEVICE_IDENTITY;
    ok(device.ops->forward(device.self, &op));
    pull(&a.y);
    if (active) pull(&a.d);
    if (active) pull(&a.dd);
    if (l.norm) pull(&a.n);
    if (l.norm) pull(&a.r);
    for (int64_t i = 0; i < l.rows; i++) {
        row_of(&l, &a, i, u, n, &r);
        if (l.norm) near((double)a.r.host[i], r, size, "r", (size_t)i);
        for (int64_t o = 0; o < l.out; o++) {
            const size_t at = (size_t)(i * l.out + o);
            const double m = l.drop && active ? mask_of(MASK_ROW + i, o) : 1, add = l.add ? (double)a.add.host[at] : 0;
            if (l.norm) near((double)a.n.host[at], n[o], size, "n", at);
            near((double)a.y.host[at], m * value_of(l.activation, u[o]) + add, 2 * size, "y", at);
            if (!active || (kinked && fabs(u[o]) < 1e-4)) continue;
            near((double)a.d.host[at], m * slope_of(l.activation, u[o]), 2 * size, "d", at);
            near((double)a.dd.host[at], m * curvature_of(l.activation, u[o]), 2 * size, "dd", at);
        }
    }
    free(u);
    free(n);
    drop_arrays(&a);
}

START_TEST(layers_of_every_activation)
{
    for (int32_t f = SBI_DEVICE_IDENTITY; f <= SBI_ACTIVATION_SOFTPLUS; f++) {
        for (int kind = 0; kind < 8; kind++) {
            const int norm = kind & 1, add = kind >> 1 & 1, masked = kind >> 2 & 1;
            check_layer((layer){f, norm, add, masked, 37, 9, 22});
        }
    }
}
END_TEST

START_TEST(layers_of_every_shape)
{
    static const int64_t shapes[][3] = {{1, 1, 1}, {3, 4, 1}, {70, 30, 33}, {5, 3, 130}, {513, 12, 64}, {33, 20, 530}, {0, 3, 4}, {9, 7, 1000}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int kind = 0; kind < 4; kind++)
            check_layer((layer){SBI_ACTIVATION_SILU, kind & 1, 1, kind >> 1, shapes[s][0], shapes[s][1], shapes[s][2]});
}
END_TEST

/* For evaluation nothing is kept; the values have the same bits. */
START_TEST(nothing_need_be_kept)
{
    const layer l = {SBI_ACTIVATION_GELU, 1, 1, 0, 50, 8, 40};
    arrays a = make_arrays(&l);
    sbi_device_forward op = operation(&l, &a);
    ok(device.ops->forward(device.self, &op));
    pull(&a.y);
    float *kept = malloc(a.y.n * sizeof *kept);
    memcpy(kept, a.y.host, a.y.n * sizeof *kept);
    op.d = op.dd = op.n = op.r = NULL;
    ok(device.ops->forward(device.self, &op));
    pull(&a.y);
    ck_assert_mem_eq(a.y.host, kept, a.y.n * sizeof *kept);
    free(kept);
    drop_arrays(&a);
}
END_TEST

/* A part of the rows has the mask that it has in the whole. */
START_TEST(dropout_does_not_depend_on_the_cut)
{
    const layer l = {SBI_ACTIVATION_TANH, 0, 0, 1, 60, 8, 41};
    arrays a = make_arrays(&l);
    sbi_device_forward op = operation(&l, &a);
    ok(device.ops->forward(device.self, &op));
    pull(&a.y);
    int64_t zeros = 0;
    for (size_t i = 0; i < a.y.n; i++) zeros += a.y.host[i] == 0;
    const double n = (double)a.y.n, sigma = sqrt(n * PROBABILITY * (1 - PROBABILITY));
    ck_assert_double_le(fabs((double)zeros - n * PROBABILITY), 5 * sigma);
    array whole = a.y;
    a.y = make(whole.n, 7);
    op = operation(&l, &a);
    for (int64_t first = 0; first < l.rows; first += 23) {
        sbi_device_forward part = op;
        part.rows = l.rows - first < 23 ? l.rows - first : 23;
        part.x += first * l.in;
        part.y += first * l.out;
        part.d += first * l.out;
        part.dd += first * l.out;
        part.mask_row += first;
        ok(device.ops->forward(device.self, &part));
    }
    pull(&a.y);
    for (size_t i = 0; i < whole.n; i++) ck_assert_int_eq(a.y.host[i] == 0, whole.host[i] == 0);
    drop(&whole);
    drop_arrays(&a);
}
END_TEST

START_TEST(second_derivatives_far_out)
{
    static const float z[] = {0.0f, 1e-30f, 5.0f, -5.0f, 12.0f, -12.0f, 20.0f, -20.0f, 90.0f, -90.0f, 1e4f, -1e4f, 1e30f, -1e30f};
    enum { N = sizeof z / sizeof z[0] };
    for (int32_t f = SBI_ACTIVATION_SILU; f <= SBI_ACTIVATION_SOFTPLUS; f++) {
        const layer l = {f, 0, 0, 0, N, 1, 1};
        arrays a = make_arrays(&l);
        memcpy(a.x.host, z, sizeof z);
        a.w.host[0] = 1;
        a.b.host[0] = 0;
        push(&a.x);
        push(&a.w);
        push(&a.b);
        const sbi_device_forward op = operation(&l, &a);
        ok(device.ops->forward(device.self, &op));
        pull(&a.dd);
        for (size_t i = 0; i < N; i++) {
            const double far = fabs((double)z[i]) > 15 ? 0 : curvature_of(f, (double)z[i]);
            near((double)a.dd.host[i], far, 1, "dd", i);
        }
        drop_arrays(&a);
    }
}
END_TEST

/* ---- back ---- */

static void check_back(int64_t rows, int64_t in, int64_t out, int derivative, int add, int keep)
{
    array dz = make((size_t)(rows * out), 1), x = make((size_t)(rows * in), 2), w = make((size_t)(out * in), 3);
    array d = make((size_t)(rows * in), 4), dx = make((size_t)(rows * in), 5), dw = make((size_t)(out * in), 6);
    array db = make((size_t)out, 7), more = make((size_t)(rows * in), 8), dh = make((size_t)(rows * in), 9);
    float *added = keep == 2 ? dh.there : more.there; /* 2: the same array */
    const float *added_host = keep == 2 ? dh.host : more.host;
    double *expected = malloc((size_t)(rows * in) * sizeof *expected);
    const sbi_device_backward op = {.rows = rows, .in = in, .out = out, .dz = dz.there, .x = x.there, .w = w.there,
                                    .d = derivative ? d.there : NULL, .dx = dx.there, .dw = dw.there, .db = db.there,
                                    .add = add ? added : NULL, .dh = keep ? dh.there : NULL};
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < in; j++) {
            double sum = add ? (double)added_host[i * in + j] : 0;
            for (int64_t o = 0; o < out; o++) sum += (double)dz.host[i * out + o] * (double)w.host[o * in + j];
            expected[i * in + j] = sum;
        }
    }
    ok(device.ops->backward(device.self, &op));
    pull(&dx);
    pull(&dh);
    for (size_t k = 0; k < (size_t)(rows * in); k++) {
        if (keep) near((double)dh.host[k], expected[k], sqrt((double)out), "dh", k);
        near((double)dx.host[k], expected[k] * (derivative ? (double)d.host[k] : 1), sqrt((double)out), "dx", k);
    }
    free(expected);
    array *all[] = {&dz, &x, &w, &d, &dx, &dw, &db, &more, &dh};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) drop(all[i]);
}

START_TEST(back_through_residual_blocks)
{
    for (int kind = 0; kind < 4; kind++) {
        const int derivative = kind & 1, add = kind >> 1;
        for (int keep = 0; keep < 3; keep++) {
            check_back(40, 33, 70, derivative, add, keep);
            check_back(530, 8, 3, derivative, add, keep);
            check_back(9, 300, 1, derivative, add, keep);
            check_back(7, 5, 1, derivative, add, keep);
        }
    }
}
END_TEST

/* sum_ij G_ij U_ij of one row. */
static double row_loss(const double *z, const float *g, const float *gain, const float *offset, int64_t n)
{
    double mean = 0, variance = 0, sum = 0;
    for (int64_t j = 0; j < n; j++) mean += z[j] / (double)n;
    for (int64_t j = 0; j < n; j++) variance += (z[j] - mean) * (z[j] - mean) / (double)n;
    for (int64_t j = 0; j < n; j++)
        sum += (double)g[j] * ((z[j] - mean) / sqrt(variance + (double)EPSILON) * (double)gain[j] + (double)offset[j]);
    return sum;
}

/* Against finite differences in double precision: N and r come from a forward pass with the identity as its matrix. */
static void check_norm_back(int64_t rows, int64_t n, int32_t accumulate)
{
    const layer l = {SBI_DEVICE_IDENTITY, 1, 0, 0, rows, n, n};
    arrays a = make_arrays(&l);
    array g = make((size_t)(rows * n), 20), dgain = make((size_t)n, 21), doffset = make((size_t)n, 22);
    double *z = malloc((size_t)(rows * n) * sizeof *z), *sums = malloc(2 * (size_t)n * sizeof *sums), *all_n = malloc((size_t)n * sizeof *all_n);
    double *u = malloc((size_t)n * sizeof *u), r;
    for (int64_t i = 0; i < n * n; i++) a.w.host[i] = i % (n + 1) == 0;
    for (int64_t i = 0; i < n; i++) a.b.host[i] = 0;
    push(&a.w);
    push(&a.b);
    const sbi_device_forward f = operation(&l, &a);
    ok(device.ops->forward(device.self, &f));
    for (int64_t j = 0; j < n; j++) {
        sums[j] = accumulate ? (double)dgain.host[j] : 0;
        sums[n + j] = accumulate ? (double)doffset.host[j] : 0;
    }
    for (int64_t i = 0; i < rows; i++) {
        row_of(&l, &a, i, u, all_n, &r);
        for (int64_t j = 0; j < n; j++) {
            z[i * n + j] = (double)a.x.host[i * n + j];
            sums[j] += (double)g.host[i * n + j] * all_n[j];
            sums[n + j] += (double)g.host[i * n + j];
        }
    }
    float *g0 = malloc(g.n * sizeof *g0);
    memcpy(g0, g.host, g.n * sizeof *g0);
    const sbi_device_norm_backward op = {.rows = rows, .columns = n, .dz = g.there, .n = a.n.there, .r = a.r.there, .gain = a.gain.there,
                                         .dgain = dgain.there, .doffset = doffset.there, .accumulate = accumulate};
    ok(device.ops->norm_backward(device.self, &op));
    pull(&g);
    pull(&dgain);
    pull(&doffset);
    for (int64_t j = 0; j < n; j++) {
        near((double)dgain.host[j], sums[j], 2 * sqrt((double)rows), "dgain", (size_t)j);
        near((double)doffset.host[j], sums[n + j], 2 * sqrt((double)rows), "doffset", (size_t)j);
    }
    const double h = 1e-5;
    for (int64_t k = 0; k < rows * n; k++) {
        const int64_t i = k / n;
        const double at = z[k];
        z[k] = at + h;
        const double up = row_loss(z + i * n, g0 + i * n, a.gain.host, a.offset.host, n);
        z[k] = at - h;
        const double down = row_loss(z + i * n, g0 + i * n, a.gain.host, a.offset.host, n);
        z[k] = at;
        near((double)g.host[k], (up - down) / (2 * h), 4, "dz", (size_t)k);
    }
    free(z);
    free(sums);
    free(all_n);
    free(u);
    free(g0);
    drop(&g);
    drop(&dgain);
    drop(&doffset);
    drop_arrays(&a);
}

START_TEST(back_through_normalisation)
{
    check_norm_back(40, 33, 0);
    check_norm_back(40, 33, 1);
    check_norm_back(3, 130, 0);
    check_norm_back(200, 8, 1);
    check_norm_back(5, 3, 0);
    check_norm_back(4, 1, 0);
}
END_TEST

START_TEST(layers_have_the_same_bits_each_time)
{
    const layer l = {SBI_ACTIVATION_SILU, 1, 1, 1, 300, 20, 260};
    arrays a = make_arrays(&l);
    array g = make(a.y.n, 20), dgain = make((size_t)l.out, 21), doffset = make((size_t)l.out, 22);
    array *outputs[] = {&a.y, &a.d, &a.n, &a.r, &g, &dgain, &doffset};
    enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };
    float *first[OUTPUTS], *g0 = malloc(g.n * sizeof *g0);
    memcpy(g0, g.host, g.n * sizeof *g0);
    for (int round = 0; round < 3; round++) {
        memcpy(g.host, g0, g.n * sizeof *g0);
        push(&g);
        const sbi_device_forward f = operation(&l, &a);
        const sbi_device_norm_backward b = {.rows = l.rows, .columns = l.out, .dz = g.there, .n = a.n.there, .r = a.r.there,
                                            .gain = a.gain.there, .dgain = dgain.there, .doffset = doffset.there};
        ok(device.ops->forward(device.self, &f));
        ok(device.ops->norm_backward(device.self, &b));
        for (int k = 0; k < OUTPUTS; k++) {
            pull(outputs[k]);
            const size_t bytes = outputs[k]->n * sizeof(float);
            if (round == 0) first[k] = memcpy(malloc(bytes), outputs[k]->host, bytes);
            ck_assert_mem_eq(first[k], outputs[k]->host, bytes);
        }
    }
    for (int k = 0; k < OUTPUTS; k++) free(first[k]);
    free(g0);
    drop(&g);
    drop(&dgain);
    drop(&doffset);
    drop_arrays(&a);
}
END_TEST

void device_layers(Suite *suite, const device_under_test *chosen)
{
    under_test = chosen;
    TCase *c = tcase_create("layers");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, layers_of_every_activation);
    tcase_add_test(c, layers_of_every_shape);
    tcase_add_test(c, nothing_need_be_kept);
    tcase_add_test(c, dropout_does_not_depend_on_the_cut);
    tcase_add_test(c, second_derivatives_far_out);
    tcase_add_test(c, back_through_residual_blocks);
    tcase_add_test(c, back_through_normalisation);
    tcase_add_test(c, layers_have_the_same_bits_each_time);
    suite_add_tcase(suite, c);
}
