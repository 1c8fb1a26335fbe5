/* SPDX-License-Identifier: Apache-2.0 */
/* Training on a device: events a second, and what share that is of the rate of products of the same shapes, measured in the same run. Prints
 * JSON lines. SBI_BENCH_SMALL=1: tiny sizes, to see that it runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "device/device.h"
#include "net/train.h"

typedef struct sizes {
    int64_t events, features, width, depth, square;
    int64_t batches[2];
    int32_t epochs, small;
} sizes;

static const char *const names[] = {"f32", "tf32", "bf16", "f16"};

static void ok(sbi_status status)
{
    if (status == SBI_OK) return;
    fprintf(stderr, "bench_train_gpu: %s: %s\n", sbi_status_name(status), sbi_last_error());
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *fill(const sbi_device *dev, int64_t n, uint64_t stream)
{
    float *host = malloc((size_t)n * sizeof *host);
    void *there;
    for (int64_t i = 0; i < n; i++) host[i] = (float)sbi_random_uniform(5, stream, (uint64_t)i) - 0.5f;
    ok(dev->ops->allocate(dev->self, &there, (size_t)n * sizeof *host));
    ok(dev->ops->upload(dev->self, there, host, (size_t)n * sizeof *host));
    free(host);
    return there;
}

/* FLOP/s of Y = X W^T + b, operands in half precision rounded beforehand: the median of five series. */
static double product_rate(sbi_context *ctx, const char *device, int64_t rows, int64_t in, int64_t out, int small)
{
    sbi_device dev;
    ok(sbi_device_open(&dev, ctx, device));
    float *x = fill(&dev, rows * in, 1), *w = fill(&dev, out * in, 2), *b = fill(&dev, out, 3), *y = fill(&dev, rows * out, 4);
    const sbi_device_forward op = {.rows = rows, .in = in, .out = out, .x = x, .w = w, .b = b, .y = y};
    const double flop = 2.0 * (double)rows * (double)in * (double)out;
    const int each = small ? 1 : (int)fmax(10, fmin(400, 4e12 / flop));
    double best[5];
    for (int i = -1; i < 5; i++) {
        const double began = now();
        for (int k = 0; k < each; k++) ok(dev.ops->forward(dev.self, &op));
        ok(dev.ops->synchronise(dev.self));
        if (i >= 0) best[i] = flop * each / (now() - began);
    }
    for (int i = 1; i < 5; i++)
        for (int k = i; k > 0 && best[k] < best[k - 1]; k--) {
            const double t = best[k];
            best[k] = best[k - 1];
            best[k - 1] = t;
        }
    dev.ops->release(dev.self, x);
    dev.ops->release(dev.self, w);
    dev.ops->release(dev.self, b);
    dev.ops->release(dev.self, y);
    sbi_device_close(&dev);
    return best[2];
}

/* Products of a training step of one event: 2 FLOP a weight forward, 2 for the weights' gradient, 2 for the data's but in the first layer. */
static double flop_of_event(const sizes *s)
{
    const double d = (double)s->features, w = (double)s->width, hidden = (double)(s->depth - 1);
    return 4 * d * w + 6 * hidden * w * w + 6 * w;
}

static void train(sbi_dataset *data, const sizes *s, const char *device, const char *name, int64_t batch, double rate,
                  double square)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = (int32_t)s->depth;
    o.width = (int32_t)s->width;
    o.batch = batch;
    o.epochs = s->epochs;
    o.validation_fraction = 0;
    o.device = device;
    double seconds[3], loss = 0;
    for (int i = 0; i < 3; i++) {
        sbi_network *net;
        ok(sbi_network_train(&net, data, &o));
        sbi_network_info info = {.struct_size = sizeof info};
        ok(sbi_network_info_get(net, &info));
        seconds[i] = info.seconds;
        loss = info.loss;
        sbi_network_destroy(net);
    }
    const double a = seconds[0], b = seconds[1], c = seconds[2], median = fmax(fmin(a, b), fmin(fmax(a, b), c));
    const double events = (double)s->events * o.epochs / median, flops = events * flop_of_event(s);
    printf("{\"bench\": \"train\", \"precision\": \"%s\", \"device\": \"%s\", \"depth\": %d, \"width\": %d, \"features\": %d, \"batch\": %lld, "
           "\"events_per_s\": %.6g, \"tflops\": %.4g, \"layer_tflops\": %.4g, \"square_tflops\": %.4g, \"share_of_layer\": %.3f, "
           "\"seconds\": %.4g, \"loss\": %.5f}\n",
           name, device, (int)s->depth, (int)s->width, (int)s->features, (long long)batch, events, 1e-12 * flops, 1e-12 * rate, 1e-12 * square,
           flops / rate, median, loss);
    fflush(stdout);
}

/* Members of an ensemble side by side: each a stream with its graph, `threads` of them at once. */
static void train_members(const float *x, const sizes *s, int32_t threads)
{
    enum { MEMBERS = 8 };
    sbi_context_options co = SBI_CONTEXT_OPTIONS_INIT;
    sbi_context *ctx;
    sbi_dataset *data;
    sbi_ensemble *ens;
    co.threads = threads;
    ok(sbi_context_create(&ctx, &co));
    ok(sbi_dataset_create(&data, ctx));
    const int64_t n = s->events / 2;
    for (int32_t side = 0; side < 2; side++) {
        const sbi_array view = sbi_array_2d(x + side * n * s->features, SBI_F32, n, s->features);
        ok(sbi_dataset_add_array(data, side, &view, NULL));
    }
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 4;
    o.width = s->small ? 8 : 64;
    o.batch = s->batches[0];
    o.epochs = s->epochs;
    o.members = MEMBERS;
    o.validation_fraction = 0;
    o.device = "cuda:0";
    const double began = now();
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    const double seconds = now() - began;
    printf("{\"bench\": \"train_members\", \"device\": \"cuda:0\", \"members\": %d, \"side_by_side\": %d, \"depth\": 4, \"width\": %d, "
           "\"batch\": %lld, \"events_per_s\": %.6g, \"seconds\": %.4g}\n",
           MEMBERS, (int)threads, (int)o.width, (long long)o.batch, (double)s->events * o.epochs * MEMBERS / seconds, seconds);
    fflush(stdout);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
}

int main(void)
{
    sizes s = {400000, 20, 1000, 4, 8192, {1024, 8192}, 5, 0};
    if (getenv("SBI_BENCH_SMALL")) s = (sizes){600, 5, 24, 2, 32, {64, 128}, 2, 1};
    sbi_context *ctx;
    sbi_dataset *data;
    ok(sbi_context_create(&ctx, NULL));
    ok(sbi_dataset_create(&data, ctx));
    float *x = malloc((size_t)(s.events * s.features) * sizeof *x);
    for (int32_t side = 0; side < 2; side++) {
        const int64_t n = s.events / 2;
        for (int64_t i = 0; i < n * s.features; i++)
            x[side * n * s.features + i] = (float)(sbi_random_uniform(7, (uint64_t)side, (uint64_t)i) * 2 + (i % s.features ? 0 : 0.5 * side));
        const sbi_array view = sbi_array_2d(x + side * n * s.features, SBI_F32, n, s.features);
        ok(sbi_dataset_add_array(data, side, &view, NULL));
    }
    for (int p = 0; p < 4; p++) {
        char device[48];
        snprintf(device, sizeof device, "cuda:0?precision=%s", names[p]);
        const double square = product_rate(ctx, device, s.square, s.square, s.square, s.small);
        for (int b = 0; b < 2; b++) {
            const double rate = product_rate(ctx, device, s.batches[b], s.width, s.width, s.small);
            train(data, &s, device, names[p], s.batches[b], rate, square);
        }
        if (p == 0) { /* a small network, where launches count: with graphs and without */
            sizes little = s;
            little.width = s.small ? 8 : 64;
            const double rate = product_rate(ctx, device, 1024, little.width, little.width, s.small);
            train(data, &little, "cuda:0", "f32", s.batches[0], rate, square);
            train(data, &little, "cuda:0?graph=0", "f32", s.batches[0], rate, square);
        }
    }
    for (int32_t threads = 1; threads <= 8; threads *= 2) train_members(x, &s, threads);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    free(x);
    return 0;
}
