/* SPDX-License-Identifier: Apache-2.0 */
/* Networks with normalised layers, residual blocks, dropout and several outputs: gradients and trajectories against PyTorch
 * (tests/reference/torch_layers.py), finite differences, what dropout does and does not touch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/torch_layers_values.h"
#include "support/folder.h"
#include "support/run_suite.h"
#include "support/train_from.h"

#define N_NETWORKS (sizeof layers_networks / sizeof layers_networks[0])
#define MOST 1024 /* parameters of the largest of them, with gaps */

static sbi_context *ctx;
static sbi_dataset *data;
static test_folder folder;

static void set_up(void)
{
    train_ok(sbi_context_create(&ctx, NULL));
    train_ok(sbi_dataset_create(&data, ctx));
    const int64_t n0 = TORCH_DENOMINATORS, n1 = TORCH_EVENTS - TORCH_DENOMINATORS;
    const sbi_array x0 = sbi_array_2d(torch_x, SBI_F64, n0, TORCH_FEATURES), w0 = sbi_array_1d(torch_w, SBI_F64, n0);
    const sbi_array x1 = sbi_array_2d(torch_x + n0 * TORCH_FEATURES, SBI_F64, n1, TORCH_FEATURES);
    const sbi_array w1 = sbi_array_1d(torch_w + n0, SBI_F64, n1);
    train_ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &x0, &w0));
    train_ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &x1, &w1));
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static void near(double x, double expected, double tolerance, const char *what, size_t index)
{
    ck_assert_msg(fabs(x - expected) <= tolerance * (1 + fabs(expected)), "%s[%zu] is %.9g, expected %.9g", what, index, x, expected);
}

static sbi_train_options options_of(const struct layers_network *how)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = how->depth;
    o.width = LAYERS_WIDTH;
    o.residual = how->residual;
    o.layer_norm = how->norm;
    o.leaky_slope = how->slope;
    o.activation = sbi_activation_find(how->activation);
    o.batch = TORCH_EVENTS;
    o.validation_fraction = 0;
    o.standardise = SBI_STANDARDISE_NONE;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    return o;
}

static sbi_mlp shape_of(const struct layers_network *how, int64_t outputs)
{
    sbi_mlp mlp = {.layers = how->depth + 1, .activation = sbi_activation_find(how->activation), .slope = (float)how->slope};
    mlp.size[0] = TORCH_FEATURES;
    for (int l = 0; l < how->depth; l++) {
        mlp.size[l + 1] = LAYERS_WIDTH;
        mlp.norm[l] = how->norm;
        if (how->residual && l > 0 && l % how->residual == 0) mlp.residual[l] = how->residual;
    }
    mlp.size[mlp.layers] = outputs;
    train_ok(sbi_mlp_finish(&mlp));
    ck_assert_int_le(mlp.n, MOST);
    return mlp;
}

/* The reference's order of parameters in the library's flat array. */
static void spread(const sbi_mlp *mlp, const double *from, float *to)
{
    size_t k = 0;
    memset(to, 0, sizeof(float) * (size_t)mlp->n);
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l] * mlp->size[l + 1]; i++) to[mlp->w[l] + i] = (float)from[k++];
    for (int32_t l = 0; l < mlp->layers; l++)
        for (int64_t i = 0; i < mlp->size[l + 1]; i++) to[mlp->b[l] + i] = (float)from[k++];
    for (int32_t l = 0; l < mlp->layers; l++) {
        for (int64_t i = 0; mlp->norm[l] && i < mlp->size[l + 1]; i++) to[mlp->gain[l] + i] = (float)from[k++];
        for (int64_t i = 0; mlp->norm[l] && i < mlp->size[l + 1]; i++) to[mlp->offset[l] + i] = (float)from[k++];
    }
    ck_assert_int_eq((int64_t)k, mlp->parameters);
}

static const double *history_of(const sbi_network *net, int epochs)
{
    sbi_array history;
    train_ok(sbi_network_history(net, &history));
    ck_assert_int_eq(history.shape[0], epochs);
    return history.data;
}

/* One step of gradient descent with rate 1 shows the gradient. */
static sbi_network *one_step(const struct layers_network *how, const float *first, int64_t n)
{
    sbi_train_options o = options_of(how);
    o.optimiser = SBI_OPTIMISER_SGD;
    o.beta1 = 0;
    o.learning_rate = 1;
    o.epochs = 1;
    return train_from(ctx, data, &o, &folder, first, n);
}

/* f32 against PyTorch's f64, to 2e-6 of 1 + |g|. */
START_TEST(gradients)
{
    for (size_t k = 0; k < N_NETWORKS; k++) {
        const struct layers_network *how = &layers_networks[k];
        const sbi_mlp mlp = shape_of(how, 1);
        float first[MOST], expected[MOST];
        spread(&mlp, how->first, first);
        spread(&mlp, how->gradient, expected);
        sbi_network *net = one_step(how, first, mlp.n);
        ck_assert_int_eq(net->mlp.n, mlp.n);
        near(history_of(net, 1)[1], how->loss, 1e-6, how->name, 0);
        for (int64_t i = 0; i < mlp.n; i++)
            near((double)first[i] - (double)net->params[i], (double)expected[i], 2e-6, how->name, (size_t)i);
        sbi_network_destroy(net);
    }
}
END_TEST

static void check_trajectory(const sbi_train_options *o, const struct layers_network *how, const double *losses, const double *last)
{
    const sbi_mlp mlp = shape_of(how, 1);
    float first[MOST], expected[MOST];
    spread(&mlp, how->first, first);
    spread(&mlp, last, expected);
    sbi_network *net = train_from(ctx, data, o, &folder, first, mlp.n);
    const double *history = history_of(net, TORCH_STEPS);
    for (size_t s = 0; s < TORCH_STEPS; s++) near(history[5 * s + 1], losses[s], 2e-5, "loss", s);
    for (int64_t i = 0; i < mlp.n; i++) near((double)net->params[i], (double)expected[i], 1e-4, "parameter", (size_t)i);
    sbi_network_destroy(net);
}

static const struct layers_network *find(const char *name)
{
    for (size_t k = 0; k < N_NETWORKS; k++)
        if (strcmp(layers_networks[k].name, name) == 0) return &layers_networks[k];
    ck_abort_msg("no network %s", name);
    return NULL;
}

/* Weight decay is PyTorch's on weight matrices alone: biases, gains and offsets are left alone. */
START_TEST(trajectories)
{
    const struct layers_network *how = find("both_silu");
    sbi_train_options o = options_of(how);
    o.epochs = TORCH_STEPS;
    o.learning_rate = 0.01;
    o.optimiser = SBI_OPTIMISER_NADAM;
    check_trajectory(&o, how, torch_losses_nadam, torch_last_nadam);
    o.optimiser = SBI_OPTIMISER_ADAM;
    check_trajectory(&o, how, torch_losses_adam, torch_last_adam);
    o.optimiser = SBI_OPTIMISER_ADAMW;
    o.weight_decay = 0.5;
    check_trajectory(&o, how, torch_losses_adamw, torch_last_adamw);
    o.optimiser = SBI_OPTIMISER_SGD;
    o.learning_rate = 0.05;
    o.weight_decay = 0.1;
    check_trajectory(&o, how, torch_losses_sgd, torch_last_sgd);
}
END_TEST

/* ---- finite differences ---- */

static sbi_network *network_of(const sbi_mlp *mlp, const float *params)
{
    sbi_network *net;
    train_ok(sbi_network_new(&net, ctx, mlp));
    memcpy(net->params, params, sizeof(float) * (size_t)mlp->n);
    return net;
}

/* The loss of a network as its evaluation gives it: no training involved. */
static double loss_of(const sbi_network *net)
{
    const sbi_array x = sbi_array_2d(torch_x, SBI_F64, TORCH_EVENTS, TORCH_FEATURES);
    double z[TORCH_EVENTS], side[2] = {0, 0}, loss = 0;
    train_ok(sbi_network_evaluate(net, &x, z));
    for (int i = 0; i < TORCH_EVENTS; i++) side[i >= TORCH_DENOMINATORS] += torch_w[i];
    for (int i = 0; i < TORCH_EVENTS; i++) {
        const int y = i >= TORCH_DENOMINATORS;
        loss += torch_w[i] / (2 * side[y]) * (fmax(z[i], 0) + log1p(exp(-fabs(z[i]))) - y * z[i]);
    }
    return loss;
}

/* Along the gradient the loss changes by its norm. Evaluations are f32, so h is large and the tolerance 2e-3. */
START_TEST(finite_differences)
{
    for (size_t k = 0; k < N_NETWORKS; k++) {
        const struct layers_network *how = &layers_networks[k];
        const sbi_mlp mlp = shape_of(how, 1);
        float first[MOST], at[MOST];
        spread(&mlp, how->first, first);
        sbi_network *net = one_step(how, first, mlp.n);
        const double norm = history_of(net, 1)[4], h = 1e-3;
        double loss[2];
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < mlp.n; i++) {
                const double g = (double)first[i] - (double)net->params[i];
                at[i] = (float)((double)first[i] + (side ? h : -h) * g / norm);
            }
            sbi_network *moved = network_of(&mlp, at);
            loss[side] = loss_of(moved);
            sbi_network_destroy(moved);
        }
        near((loss[1] - loss[0]) / (2 * h), norm, 2e-3, how->name, 0);
        sbi_network *start = network_of(&mlp, first);
        near(loss_of(start), history_of(net, 1)[1], 1e-6, how->name, 1); /* evaluating is the forward pass of training */
        sbi_network_destroy(start);
        sbi_network_destroy(net);
    }
}
END_TEST

/* ---- dropout ---- */

/* With a rate that changes nothing, dropout shows in the training loss and nowhere else. */
START_TEST(dropout_is_for_training_alone)
{
    sbi_train_options o = options_of(find("both_silu"));
    o.learning_rate = 1e-35;
    o.epochs = 2;
    o.validation_fraction = 0.3;
    sbi_network *net[3];
    for (int k = 0; k < 3; k++) {
        o.dropout = k == 0 ? 0 : 0.5;
        o.seed = 1;
        train_ok(sbi_network_train(&net[k], data, &o));
    }
    const double *none = history_of(net[0], 2), *some = history_of(net[1], 2), *again = history_of(net[2], 2);
    for (int e = 0; e < 2; e++) ck_assert_double_eq(none[5 * e + 2], some[5 * e + 2]);
    for (int e = 0; e < 2; e++) ck_assert_double_ne(none[5 * e + 1], some[5 * e + 1]);
    ck_assert_double_ne(some[1], some[6]); /* the second step has another mask */
    ck_assert_mem_eq(some, again, 10 * sizeof *some);
    for (int k = 0; k < 3; k++) sbi_network_destroy(net[k]);
}
END_TEST

/* E[M] = 1: the mean of the loss over many masks, with parameters that stay where they are, is near the loss without dropout. */
START_TEST(dropout_keeps_the_mean)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 64;
    o.batch = TORCH_EVENTS;
    o.validation_fraction = 0;
    o.standardise = SBI_STANDARDISE_NONE;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    o.learning_rate = 1e-35;
    o.epochs = 400;
    sbi_network *net;
    train_ok(sbi_network_train(&net, data, &o));
    const double without = history_of(net, 400)[1];
    sbi_network_destroy(net);
    o.dropout = 0.4;
    train_ok(sbi_network_train(&net, data, &o));
    double mean = 0, square = 0;
    for (int e = 0; e < 400; e++) {
        const double l = history_of(net, 400)[5 * e + 1];
        mean += l / 400;
        square += l * l / 400;
    }
    const double sigma = sqrt((square - mean * mean) / 400);
    /* The loss is convex, so that noise of the logits raises it a little: first logits are small, and so is that. */
    ck_assert_double_le(fabs(mean - without), 6 * sigma + 2e-3);
    ck_assert_double_gt(square - mean * mean, 0);
    sbi_network_destroy(net);
}
END_TEST

/* ---- several outputs, files ---- */

static sbi_network *heads(void)
{
    const sbi_mlp mlp = shape_of(find("both_gelu"), LAYERS_HEADS);
    float params[MOST];
    sbi_array weight[8], bias[8], gain[8], offset[8];
    spread(&mlp, torch_first_heads, params);
    for (int32_t l = 0; l < mlp.layers; l++) {
        const int64_t out = mlp.size[l + 1];
        weight[l] = sbi_array_2d(params + mlp.w[l], SBI_F32, out, mlp.size[l]);
        bias[l] = sbi_array_1d(params + mlp.b[l], SBI_F32, out);
        gain[l] = sbi_array_1d(mlp.norm[l] ? params + mlp.gain[l] : NULL, SBI_F32, out);
        offset[l] = sbi_array_1d(mlp.norm[l] ? params + mlp.offset[l] : NULL, SBI_F32, out);
    }
    sbi_network_form form = SBI_NETWORK_FORM_INIT;
    form.activation = SBI_ACTIVATION_GELU;
    form.leaky_slope = (double)mlp.slope;
    form.gain = gain;
    form.offset = offset;
    form.residual = mlp.residual;
    sbi_network *net;
    train_ok(sbi_network_create_with(&net, ctx, (size_t)mlp.layers, weight, bias, &form, NULL, NULL));
    ck_assert_mem_eq(net->params, params, sizeof(float) * (size_t)mlp.n);
    form.gain = NULL;
    ck_assert_int_eq(sbi_network_create_with(&(sbi_network *){NULL}, ctx, (size_t)mlp.layers, weight, bias, &form, NULL, NULL),
                     SBI_ERR_ARGUMENT);
    return net;
}

static void check_heads(const sbi_network *net)
{
    const sbi_array x = sbi_array_2d(torch_x, SBI_F64, TORCH_EVENTS, TORCH_FEATURES);
    double z[TORCH_EVENTS * LAYERS_HEADS];
    train_ok(sbi_network_evaluate_all(net, &x, z));
    for (size_t i = 0; i < TORCH_EVENTS * LAYERS_HEADS; i++) near(z[i], torch_outputs_heads[i], 2e-6, "output", i);
    ck_assert_int_eq(sbi_network_evaluate(net, &x, z), SBI_ERR_SHAPE);
}

START_TEST(several_outputs)
{
    sbi_network *net = heads(), *back;
    check_heads(net);
    sbi_network_info info = {.struct_size = sizeof info};
    train_ok(sbi_network_info_get(net, &info));
    ck_assert_int_eq(info.outputs, LAYERS_HEADS);
    ck_assert_int_eq(info.layer_norms, 5);
    ck_assert_int_eq(info.residual_blocks, 2);
    ck_assert_int_eq(info.parameters, net->mlp.parameters);
    ck_assert_int_eq(sbi_network_residual(net, 2), 2);
    ck_assert_int_eq(sbi_network_residual(net, 3), 0);
    ck_assert_int_eq(sbi_network_activation(net, 0), SBI_ACTIVATION_GELU);
    ck_assert_int_eq(sbi_network_activation(net, 5), 0);
    sbi_array gain, offset;
    train_ok(sbi_network_norm(net, 0, &gain, &offset));
    ck_assert_int_eq(gain.shape[0], LAYERS_WIDTH);
    train_ok(sbi_network_norm(net, 5, &gain, &offset));
    ck_assert_ptr_null(gain.data);
    const test_path path = folder_path(&folder, "heads.npz");
    train_ok(sbi_network_save(net, path.text));
    train_ok(sbi_network_load(&back, ctx, path.text));
    ck_assert_int_eq(back->mlp.n, net->mlp.n);
    ck_assert_mem_eq(back->params, net->params, sizeof(float) * (size_t)net->mlp.n);
    ck_assert_mem_eq(&back->mlp, &net->mlp, sizeof net->mlp);
    check_heads(back);
    sbi_ensemble *ens;
    sbi_network *mixed[2] = {net, NULL};
    const sbi_mlp single = shape_of(find("both_gelu"), 1);
    float zeros[MOST] = {0};
    mixed[1] = network_of(&single, zeros);
    ck_assert_int_eq(sbi_ensemble_create(&ens, ctx, mixed, 2), SBI_ERR_SHAPE);
    sbi_network_destroy(mixed[1]);
    sbi_network_destroy(back);
    sbi_network_destroy(net);
}
END_TEST

/* A file's meta.json with one word replaced. */
static void load_with(const char *path, const char *from, const char *to, sbi_status expected, const char *message)
{
    const test_path other = folder_path(&folder, "changed.npz");
    sbi_npz *npz;
    sbi_npz_writer *w;
    train_ok(sbi_npz_open(&npz, ctx, path));
    train_ok(sbi_npz_writer_open(&w, ctx, other.text, 0));
    for (size_t i = 0; i < sbi_npz_count(npz); i++) {
        char name[64], text[8192];
        snprintf(name, sizeof name, "%s", sbi_npz_name(npz, i));
        char *dot = strstr(name, ".npy");
        void *memory;
        sbi_array view;
        size_t size;
        if (dot) {
            *dot = 0;
            train_ok(sbi_npz_read(npz, name, &view, &memory));
            if (strcmp(name, from) != 0) train_ok(sbi_npz_writer_add(w, name, &view));
        } else {
            train_ok(sbi_npz_read_bytes(npz, name, &memory, &size));
            const char *at = strstr(memory, from);
            ck_assert(at || strncmp(from, "gain", 4) == 0);
            const int head = at ? (int)(at - (char *)memory) : (int)size;
            ck_assert_uint_lt(size + strlen(to), sizeof text);
            snprintf(text, sizeof text, "%.*s%s%s", head, (char *)memory, at ? to : "", at ? at + strlen(from) : "");
            train_ok(sbi_npz_writer_add_bytes(w, name, text, strlen(text)));
        }
        sbi_free(ctx, memory);
    }
    train_ok(sbi_npz_writer_commit(w));
    sbi_npz_close(npz);
    sbi_network *net;
    const sbi_status status = sbi_network_load(&net, ctx, other.text);
    ck_assert_msg(status == expected && strstr(sbi_last_error(), message), "%s -> %s: %s: %s", from, to, sbi_status_name(status),
                  sbi_last_error());
    ck_assert_ptr_null(net);
}

START_TEST(malformed_files_are_named)
{
    sbi_network *net = heads();
    const test_path path = folder_path(&folder, "heads.npz");
    train_ok(sbi_network_save(net, path.text));
    load_with(path.text, "\"version\": 2", "\"version\": 3", SBI_ERR_VERSION, "version is 3");
    load_with(path.text, "\"version\": 2", "\"version\": 1", SBI_ERR_SHAPE, "3 outputs, expected 1 in version 1");
    load_with(path.text, "\"layer_norm\": [", "\"layer_norm\": [1, ", SBI_ERR_FORMAT, "layer_norm has 7 entries, expected 6");
    load_with(path.text, "\"residual\": [", "\"residual\": {}, \"rest\": [", SBI_ERR_FORMAT, "residual");
    load_with(path.text, "\"linear\": [", "\"linear\": [7,", SBI_ERR_FORMAT, "linear has 7 entries");
    load_with(path.text, "\"epsilon\": ", "\"epsilon\": -", SBI_ERR_FORMAT, "epsilon is -");
    load_with(path.text, "\"leaky_slope\": 0", "\"leaky_slope\": 9", SBI_ERR_FORMAT, "leaky_slope is 9.2");
    load_with(path.text, "\"leaky_slope\": 0.2", "\"leaky_slope\": 0.3", SBI_ERR_CHECKSUM, "SHA-256");
    load_with(path.text, "gain1", "", SBI_ERR_NOT_FOUND, "gain1");
    sbi_network_destroy(net);
}
END_TEST

START_TEST(blocks_have_to_fit)
{
    sbi_network *net;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.residual = 2;
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "residual is 2, but depth is 4"));
    o.depth = 1;
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT);
    sbi_mlp mlp = shape_of(find("both_silu"), 1);
    mlp.residual[3] = 2;
    ck_assert_int_eq(sbi_mlp_finish(&mlp), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "overlaps"));
    mlp.residual[3] = 0;
    mlp.size[2] = 7;
    ck_assert_int_eq(sbi_mlp_finish(&mlp), SBI_OK); /* inside a block widths are free */
    mlp.size[3] = 7;
    ck_assert_int_eq(sbi_mlp_finish(&mlp), SBI_ERR_SHAPE);
    mlp.size[3] = 5;
    mlp.norm[5] = 1;
    ck_assert_int_eq(sbi_mlp_finish(&mlp), SBI_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: layers and blocks");
    TCase *c = tcase_create("layers");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, gradients);
    tcase_add_test(c, trajectories);
    tcase_add_test(c, finite_differences);
    tcase_add_test(c, dropout_is_for_training_alone);
    tcase_add_test(c, dropout_keeps_the_mean);
    tcase_add_test(c, several_outputs);
    tcase_add_test(c, malformed_files_are_named);
    tcase_add_test(c, blocks_have_to_fit);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
