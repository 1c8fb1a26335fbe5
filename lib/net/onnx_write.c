/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and ensembles as ONNX graphs. The arithmetic is that of evaluate.c and of sbi_ratio_combine(), in the same order. */
#include "net/onnx_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/json.h"
#include "net/network.h"
#include "sbi/onnx.h"

void sbi_onnx_options_init(sbi_onnx_options *options)
{
    if (!options) return;
    const sbi_onnx_options defaults = SBI_ONNX_OPTIONS_INIT;
    *options = defaults;
}

#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Names inside the graph begin so; the caller's may not. */
#define OWN "sbi/"

static sbi_status check_name(const char *name, const char *field)
{
    SBI_REQUIRE(name[0], "sbi_onnx_options.%s is empty", field);
    for (const char *c = name; *c; c++)
        SBI_REQUIRE(*c > 0x20 && *c < 0x7f, "sbi_onnx_options.%s: character %d is not printable ASCII", field, (int)(c - name));
    SBI_REQUIRE(strncmp(name, OWN, strlen(OWN)) != 0, "sbi_onnx_options.%s is \"%s\": names in " OWN " are the graph's own", field, name);
    return SBI_OK;
}

static sbi_status read_options(sbi_onnx_options *known, const sbi_onnx_options *user)
{
    sbi_onnx_options_init(known);
    SBI_TRY(sbi_options_read(known, sizeof *known, sizeof *known, user, "sbi_onnx_options"));
    SBI_REQUIRE(known->output == SBI_ONNX_LOG_RATIO || known->output == SBI_ONNX_RATIO,
                "sbi_onnx_options.output is %d, expected SBI_ONNX_LOG_RATIO or SBI_ONNX_RATIO", (int)known->output);
    SBI_REQUIRE(known->dtype == SBI_F32 || known->dtype == SBI_F64, "sbi_onnx_options.dtype is %d, expected SBI_F32 or SBI_F64",
                (int)known->dtype);
    SBI_REQUIRE(known->reserved_ == 0, "sbi_onnx_options.reserved_ is %d, expected 0", (int)known->reserved_);
    SBI_REQUIRE(known->correction > 0 && isfinite(known->correction), "sbi_onnx_options.correction is %g, expected a positive number",
                known->correction);
    if (!known->input_name) known->input_name = "features";
    if (!known->output_name) known->output_name = known->output == SBI_ONNX_RATIO ? "ratio" : "log_ratio";
    SBI_TRY(check_name(known->input_name, "input_name"));
    SBI_TRY(check_name(known->output_name, "output_name"));
    SBI_REQUIRE(strcmp(known->input_name, known->output_name) != 0, "sbi_onnx_options: input and output are both named \"%s\"",
                known->input_name);
    return SBI_OK;
}

typedef struct members {
    const sbi_network *const *networks;
    size_t n;
    int32_t combination;
    int32_t reserved;
} members;

/* ---- a network ---- */

typedef struct feature_names {
    const char *wide, *narrow; /* names of the same in f64 and f32 */
} feature_names;

static int standardises(const sbi_network *net)
{
    for (int64_t j = 0; j < net->mlp.size[0]; j++)
        if (net->shift[j] != 0 || net->scale[j] != 1) return 1;
    return 0;
}

static void cast(sbi_onnx_writer *w, const char *input, int32_t type, const char *output)
{
    sbi_onnx_add_node(w, "Cast", output, INPUTS(input));
    sbi_onnx_add_int(w, "to", type);
}

/* (x - shift) * scale in f64, then f32. */
static sbi_status standardise(sbi_onnx_writer *w, const sbi_network *net, size_t m, const char *x, sbi_onnx_name output)
{
    const int64_t shape[2] = {net->mlp.size[0], -1};
    sbi_onnx_name shift, scale, shifted, scaled;
    snprintf(shift, sizeof shift, OWN "%zu/shift", m);
    snprintf(scale, sizeof scale, OWN "%zu/scale", m);
    SBI_TRY(sbi_onnx_add_tensor(w, shift, SBI_ONNX_DOUBLE, shape, net->shift));
    SBI_TRY(sbi_onnx_add_tensor(w, scale, SBI_ONNX_DOUBLE, shape, net->scale));
    snprintf(shifted, sizeof shifted, OWN "%zu/shifted", m);
    snprintf(scaled, sizeof scaled, OWN "%zu/scaled", m);
    snprintf(output, sizeof(sbi_onnx_name), OWN "%zu/standardised", m);
    sbi_onnx_add_node(w, "Sub", shifted, INPUTS(x, shift));
    sbi_onnx_add_node(w, "Mul", scaled, INPUTS(shifted, scale));
    cast(w, scaled, SBI_ONNX_FLOAT, output);
    return SBI_OK;
}

/* Opset 17 has no Gelu: z (1 + erf(z / sqrt 2)) / 2. The constants are shared by all layers. */
#define SQRT2 OWN "sqrt2"
#define ONE OWN "one"
#define HALF OWN "half"

static void activate(sbi_onnx_writer *w, const sbi_mlp *mlp, const char *z, const char *prefix, const char *output)
{
    sbi_onnx_name a, b, c, d;
    snprintf(a, sizeof a, "%.60s/a", prefix);
    snprintf(b, sizeof b, "%.60s/b", prefix);
    snprintf(c, sizeof c, "%.60s/c", prefix);
    snprintf(d, sizeof d, "%.60s/d", prefix);
    switch (mlp->activation) {
    case SBI_ACTIVATION_SILU:
        sbi_onnx_add_node(w, "Sigmoid", a, INPUTS(z));
        sbi_onnx_add_node(w, "Mul", output, INPUTS(z, a));
        break;
    case SBI_ACTIVATION_RELU: sbi_onnx_add_node(w, "Relu", output, INPUTS(z)); break;
    case SBI_ACTIVATION_LEAKY_RELU:
        sbi_onnx_add_node(w, "LeakyRelu", output, INPUTS(z));
        sbi_onnx_add_float(w, "alpha", mlp->slope);
        break;
    case SBI_ACTIVATION_TANH: sbi_onnx_add_node(w, "Tanh", output, INPUTS(z)); break;
    case SBI_ACTIVATION_GELU:
        sbi_onnx_add_node(w, "Div", a, INPUTS(z, SQRT2));
        sbi_onnx_add_node(w, "Erf", b, INPUTS(a));
        sbi_onnx_add_node(w, "Add", c, INPUTS(b, ONE));
        sbi_onnx_add_node(w, "Mul", d, INPUTS(z, c));
        sbi_onnx_add_node(w, "Mul", output, INPUTS(d, HALF));
        break;
    default: sbi_onnx_add_node(w, "Softplus", output, INPUTS(z)); break;
    }
}

/* `z` is the layer's output, and then that of the normalisation. */
static sbi_status add_norm(sbi_onnx_writer *w, const sbi_network *net, int32_t l, const char *prefix, sbi_onnx_name z)
{
    const sbi_mlp *mlp = &net->mlp;
    const int64_t shape[2] = {mlp->size[l + 1], -1};
    sbi_onnx_name gain, offset, u;
    snprintf(gain, sizeof gain, "%.60s/gain", prefix);
    snprintf(offset, sizeof offset, "%.60s/offset", prefix);
    snprintf(u, sizeof u, "%.60s/u", prefix);
    SBI_TRY(sbi_onnx_add_tensor(w, gain, SBI_ONNX_FLOAT, shape, net->params + mlp->gain[l]));
    SBI_TRY(sbi_onnx_add_tensor(w, offset, SBI_ONNX_FLOAT, shape, net->params + mlp->offset[l]));
    sbi_onnx_add_node(w, "LayerNormalization", u, INPUTS(z, gain, offset));
    sbi_onnx_add_int(w, "axis", -1);
    sbi_onnx_add_float(w, "epsilon", mlp->epsilon);
    snprintf(z, sizeof(sbi_onnx_name), "%s", u);
    return SBI_OK;
}

/* From the features, which are there as f64 and as f32 where a network needs them so, to the logit, f32, whose name goes to `output`. */
static sbi_status add_network(sbi_onnx_writer *w, const sbi_network *net, size_t m, const feature_names *x, sbi_onnx_name output)
{
    const sbi_mlp *mlp = &net->mlp;
    sbi_onnx_name own, prefix, weight, bias, kept;
    const char *h = x->narrow, *begin = h;
    if (standardises(net)) {
        SBI_TRY(standardise(w, net, m, x->wide, own));
        h = own;
    }
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t of_weight[2] = {mlp->size[l + 1], mlp->size[l]}, of_bias[2] = {mlp->size[l + 1], -1};
        if (sbi_mlp_block_begins(mlp, l)) {
            begin = h == own ? kept : h;
            if (h == own) snprintf(kept, sizeof kept, "%s", own);
        }
        snprintf(prefix, sizeof prefix, OWN "%zu/%d", m, (int)l);
        snprintf(weight, sizeof weight, OWN "%zu/%d/W", m, (int)l);
        snprintf(bias, sizeof bias, OWN "%zu/%d/bias", m, (int)l);
        snprintf(output, sizeof(sbi_onnx_name), OWN "%zu/%d/z", m, (int)l);
        SBI_TRY(sbi_onnx_add_tensor(w, weight, SBI_ONNX_FLOAT, of_weight, net->params + mlp->w[l]));
        SBI_TRY(sbi_onnx_add_tensor(w, bias, SBI_ONNX_FLOAT, of_bias, net->params + mlp->b[l]));
        sbi_onnx_add_node(w, "Gemm", output, INPUTS(h, weight, bias));
        sbi_onnx_add_int(w, "transB", 1);
        if (l == mlp->layers - 1) break;
        if (mlp->norm[l]) SBI_TRY(add_norm(w, net, l, prefix, output));
        snprintf(own, sizeof own, "%s", output);
        if (!mlp->linear[l]) {
            snprintf(own, sizeof own, OWN "%zu/%d/h", m, (int)l);
            activate(w, mlp, output, prefix, own);
        }
        if (mlp->residual[l]) {
            snprintf(output, sizeof(sbi_onnx_name), "%s", own);
            snprintf(own, sizeof own, OWN "%zu/%d/sum", m, (int)l);
            sbi_onnx_add_node(w, "Add", own, INPUTS(begin, output));
        }
        h = own;
    }
    return SBI_OK;
}

/* ---- members ---- */

static void add_mean(sbi_onnx_writer *w, const char *op, const char *input, const char *output)
{
    sbi_onnx_add_node(w, op, output, INPUTS(input));
    sbi_onnx_add_axis(w, 1);
    sbi_onnx_add_int(w, "keepdims", 1);
}

/* From OWN "members", f64 [batch, members], to OWN "combined", [batch, 1]. */
static void combine(sbi_onnx_writer *w, size_t n, int32_t combination)
{
    if (combination == SBI_COMBINE_MEAN_LOG) {
        add_mean(w, "ReduceMean", OWN "members", OWN "combined");
    } else if (combination == SBI_COMBINE_MEDIAN) {
        /* The larger half, sorted downwards: its last one or two are the middle. */
        const int64_t middle = n % 2 ? 1 : 2;
        sbi_onnx_add_index(w, OWN "half_members", (int64_t)(n / 2 + 1));
        sbi_onnx_add_index(w, OWN "from", (int64_t)(n / 2 + 1) - middle);
        sbi_onnx_add_index(w, OWN "to", (int64_t)(n / 2 + 1));
        sbi_onnx_add_index(w, OWN "axis", 1);
        sbi_onnx_add_node(w, "TopK", OWN "upper", INPUTS(OWN "members", OWN "half_members"));
        sbi_onnx_add_second(w, OWN "upper_index");
        sbi_onnx_add_int(w, "axis", 1);
        sbi_onnx_add_int(w, "largest", 1);
        sbi_onnx_add_int(w, "sorted", 1);
        sbi_onnx_add_node(w, "Slice", OWN "middle", INPUTS(OWN "upper", OWN "from", OWN "to", OWN "axis"));
        add_mean(w, "ReduceMean", OWN "middle", OWN "combined");
    } else {
        /* Relative to the largest, as sbi_ratio_combine() does. */
        add_mean(w, "ReduceMax", OWN "members", OWN "top");
        sbi_onnx_add_node(w, "Sub", OWN "below", INPUTS(OWN "members", OWN "top"));
        sbi_onnx_add_node(w, "Exp", OWN "shares", INPUTS(OWN "below"));
        add_mean(w, "ReduceMean", OWN "shares", OWN "share");
        sbi_onnx_add_node(w, "Log", OWN "log_share", INPUTS(OWN "share"));
        sbi_onnx_add_node(w, "Add", OWN "combined", INPUTS(OWN "top", OWN "log_share"));
    }
}

/* ---- the graph ---- */

/* The input, converted where members need it in the other type. Its name may be longer than ours are: x borrows it. */
static void add_features(sbi_onnx_writer *w, const members *ens, const sbi_onnx_options *o, feature_names *x)
{
    const int given_wide = o->dtype == SBI_F64;
    int wide = 0, narrow = 0;
    for (size_t m = 0; m < ens->n; m++) *(standardises(ens->networks[m]) ? &wide : &narrow) = 1;
    sbi_onnx_add_value(w, SBI_ONNX_GRAPH_INPUT, o->input_name, given_wide ? SBI_ONNX_DOUBLE : SBI_ONNX_FLOAT,
                       ens->networks[0]->mlp.size[0]);
    x->wide = given_wide ? o->input_name : OWN "wide";
    x->narrow = given_wide ? OWN "narrow" : o->input_name;
    if (wide && !given_wide) cast(w, o->input_name, SBI_ONNX_DOUBLE, x->wide);
    if (narrow && given_wide) cast(w, o->input_name, SBI_ONNX_FLOAT, x->narrow);
}

/* From the members' logits to the output; the writer gives the last node's output its name. */
static void add_output(sbi_onnx_writer *w, const members *ens, const sbi_onnx_options *o, const char *const *logits)
{
    const char *now = logits[0];
    if (ens->n > 1) {
        sbi_onnx_add_node(w, "Concat", OWN "logits", logits);
        sbi_onnx_add_int(w, "axis", 1);
        cast(w, OWN "logits", SBI_ONNX_DOUBLE, OWN "members");
        combine(w, ens->n, ens->combination);
        now = OWN "combined";
    } else if (o->dtype == SBI_F64 || o->output == SBI_ONNX_RATIO || o->correction != 1) {
        cast(w, now, SBI_ONNX_DOUBLE, OWN "combined");
        now = OWN "combined";
    }
    if (o->correction != 1) {
        sbi_onnx_add_scalar(w, OWN "log_correction", SBI_ONNX_DOUBLE, log(o->correction));
        sbi_onnx_add_node(w, "Sub", OWN "corrected", INPUTS(now, OWN "log_correction"));
        now = OWN "corrected";
    }
    if (o->output == SBI_ONNX_RATIO) {
        sbi_onnx_add_node(w, "Exp", OWN "ratio", INPUTS(now));
        now = OWN "ratio";
    }
    if (o->dtype == SBI_F32 && now != logits[0]) cast(w, now, SBI_ONNX_FLOAT, OWN "rounded");
    sbi_onnx_add_value(w, SBI_ONNX_GRAPH_OUTPUT, o->output_name, o->dtype == SBI_F64 ? SBI_ONNX_DOUBLE : SBI_ONNX_FLOAT,
                       sbi_mlp_outputs(&ens->networks[0]->mlp));
}

static sbi_status add_members(sbi_onnx_writer *w, const members *ens, const sbi_onnx_options *o)
{
    feature_names x;
    sbi_onnx_name *names = sbi_alloc_array(w->ctx, ens->n, sizeof *names);
    const char **logits = sbi_alloc_zero(w->ctx, ens->n + 1, sizeof *logits);
    sbi_status status = names && logits ? SBI_OK : SBI_ERR_NO_MEMORY;
    int gelu = 0;
    if (status == SBI_OK) add_features(w, ens, o, &x);
    for (size_t m = 0; m < ens->n && status == SBI_OK; m++) {
        const sbi_mlp *mlp = &ens->networks[m]->mlp;
        if (!gelu && mlp->activation == SBI_ACTIVATION_GELU && mlp->layers > 1) {
            gelu = 1;
            sbi_onnx_add_scalar(w, SQRT2, SBI_ONNX_FLOAT, sqrt(2.0));
            sbi_onnx_add_scalar(w, ONE, SBI_ONNX_FLOAT, 1);
            sbi_onnx_add_scalar(w, HALF, SBI_ONNX_FLOAT, 0.5);
        }
        status = add_network(w, ens->networks[m], m, &x, names[m]);
        logits[m] = names[m];
    }
    if (status == SBI_OK) add_output(w, ens, o, logits);
    sbi_free(w->ctx, logits);
    sbi_free(w->ctx, names);
    return status;
}

static sbi_status features_json(sbi_text *out, const sbi_network *net)
{
    json_t *names = json_array();
    int complete = names != NULL;
    for (int64_t j = 0; complete && j < net->mlp.size[0]; j++) complete = json_array_append_new(names, json_string(net->names[j])) == 0;
    sbi_status status = complete ? sbi_json_canonical(out, names)
                                 : sbi_fail(SBI_ERR_NO_MEMORY, "ONNX: out of memory for names of features");
    json_decref(names);
    return status;
}

static sbi_status write_members(const members *ens, const char *path, const sbi_onnx_options *user)
{
    sbi_onnx_options o;
    SBI_TRY(read_options(&o, user));
    if (ens->n > 1 && sbi_mlp_outputs(&ens->networks[0]->mlp) != 1)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: members with %lld outputs; write them one by one", path,
                        (long long)sbi_mlp_outputs(&ens->networks[0]->mlp));
    sbi_context *ctx = ens->networks[0]->ctx;
    sbi_onnx_writer w;
    sbi_text features;
    sbi_onnx_writer_init(&w, ctx);
    sbi_text_init(&features, ctx);
    sbi_status status = features_json(&features, ens->networks[0]);
    if (status == SBI_OK) status = add_members(&w, ens, &o);
    if (status == SBI_OK) status = sbi_onnx_writer_finish(&w, path, o.output_name, features.data, features.size);
    sbi_text_clear(&features);
    sbi_onnx_writer_clear(&w);
    return status;
}

sbi_status sbi_network_write_onnx(const sbi_network *net, const char *path, const sbi_onnx_options *options)
{
    SBI_REQUIRE(net && path, "sbi_network_write_onnx: net or path is NULL");
    const members one = {.networks = &net, .n = 1};
    return write_members(&one, path, options);
}

sbi_status sbi_ensemble_write_onnx(const sbi_ensemble *ens, const char *path, const sbi_onnx_options *options)
{
    SBI_REQUIRE(ens && path, "sbi_ensemble_write_onnx: ens or path is NULL");
    const members all = {.networks = (const sbi_network *const *)ens->networks, .n = ens->n, .combination = ens->combination};
    return write_members(&all, path, options);
}
