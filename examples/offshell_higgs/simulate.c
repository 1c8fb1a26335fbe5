/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct offshell_simulator {
    uint64_t seed;
    int nuisances;
    offshell_truth truth;
    offshell_mixing mixing;
    offshell_nuisance nuisance[];
};

struct offshell_point {
    double yield[OFFSHELL_PROCESSES];
    offshell_rates rates;
    int moved;              /* nuisances with alpha != 0: where, and by how much */
    struct { int k; double alpha; } move[OFFSHELL_NUISANCES_MAX];
};

sbi_status offshell_create(offshell_simulator **out, const offshell_options *options)
{
    static const offshell_options defaults = OFFSHELL_OPTIONS_INIT;
    const offshell_options *o = options ? options : &defaults;

    if (!out)
        return SBI_ERR_ARGUMENT;
    *out = NULL;
    if (o->nuisances < 0 || o->nuisances > OFFSHELL_NUISANCES_MAX || !(o->luminosity > 0.0))
        return SBI_ERR_ARGUMENT;
    offshell_simulator *s = calloc(1, sizeof *s + (size_t)o->nuisances * sizeof s->nuisance[0]);
    if (!s)
        return SBI_ERR_NO_MEMORY;
    s->seed = o->seed;
    s->nuisances = o->nuisances;
    const sbi_status status = offshell_truth_init(&s->truth, o->luminosity * o->yield_s, o->luminosity * o->yield_b,
                                                  o->luminosity * o->yield_ni);
    if (status != SBI_OK) {
        free(s);
        return status;
    }
    offshell_mixing_init(&s->mixing, s->seed);
    offshell_nuisances_init(s->nuisance, s->nuisances, s->seed, &s->truth);
    *out = s;
    return SBI_OK;
}

void offshell_destroy(offshell_simulator *s)
{
    free(s);
}

const offshell_truth *offshell_truth_of(const offshell_simulator *s)
{
    return &s->truth;
}

const offshell_mixing *offshell_mixing_of(const offshell_simulator *s)
{
    return &s->mixing;
}

int offshell_nuisance_count(const offshell_simulator *s)
{
    return s->nuisances;
}

const offshell_nuisance *offshell_nuisance_of(const offshell_simulator *s, int k)
{
    return k >= 0 && k < s->nuisances ? &s->nuisance[k] : NULL;
}

sbi_status offshell_point_create(offshell_point **out, const offshell_simulator *s, double mu, const double *alpha)
{
    static const double zeros[OFFSHELL_NUISANCES_MAX];

    if (!out)
        return SBI_ERR_ARGUMENT;
    *out = NULL;
    if (!s || !(mu >= 0.0 && mu < HUGE_VAL))
        return SBI_ERR_ARGUMENT;
    for (int k = 0; alpha && k < s->nuisances; k++)
        if (!isfinite(alpha[k]))
            return SBI_ERR_ARGUMENT;
    offshell_point *point = calloc(1, sizeof *point);
    if (!point)
        return SBI_ERR_NO_MEMORY;
    alpha = alpha ? alpha : zeros;
    offshell_rates_at(&point->rates, &s->truth, s->nuisance, s->nuisances, alpha);
    const double root = sqrt(mu);
    const double factor[OFFSHELL_PROCESSES] = {mu - root, root, 1.0 - root, 1.0};
    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        point->yield[p] = factor[p] * s->truth.yield[p] * point->rates.norm[p];
    for (int k = 0; k < s->nuisances; k++)
        if (alpha[k] != 0.0) {
            point->move[point->moved].k = k;
            point->move[point->moved++].alpha = alpha[k];
        }
    *out = point;
    return SBI_OK;
}

void offshell_point_destroy(offshell_point *point)
{
    free(point);
}

double offshell_point_yield(const offshell_point *point, int process)
{
    return point->yield[process];
}

double offshell_point_partition(const offshell_point *point, int process)
{
    return point->rates.partition[process];
}

double offshell_point_total(const offshell_point *point)
{
    double total = 0.0;

    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        total += point->yield[p];
    return total;
}

static double reference_density(const double density[OFFSHELL_PROCESSES])
{
    return 0.25 * (density[OFFSHELL_S] + density[OFFSHELL_SBI] + density[OFFSHELL_B] + density[OFFSHELL_NI]);
}

/* prod_k g_kp / Z_p at the point, for all processes. */
static void morphs(const offshell_simulator *s, const offshell_point *point, const double *z,
                   double morph[OFFSHELL_PROCESSES])
{
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        morph[p] = 1.0 / point->rates.partition[p];
        for (int m = 0; m < point->moved; m++) {
            const offshell_nuisance *n = &s->nuisance[point->move[m].k];
            double hi, lo;
            if (!offshell_nuisance_acts(n, p))
                continue;
            offshell_nuisance_ratio(n, p, z[n->variable], &hi, &lo);
            morph[p] *= offshell_code4(point->move[m].alpha, hi, lo);
        }
    }
}

/* lambda at the point as a density in z. */
static double rate_density(const offshell_simulator *s, const offshell_point *point, const double *z,
                           const double density[OFFSHELL_PROCESSES])
{
    double morph[OFFSHELL_PROCESSES], sum = 0.0;

    morphs(s, point, z, morph);
    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        sum += point->yield[p] * density[p] * morph[p];
    return sum;
}

/* Picks an index with probability proportional to weight. */
static int choose(offshell_stream *stream, const double weight[OFFSHELL_PROCESSES])
{
    double sum = 0.0;
    int last = 0;

    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        sum += weight[p];
        last = weight[p] > 0.0 ? p : last;
    }
    double u = sum * offshell_uniform(stream);
    for (int p = 0; p < last; p++) {
        if (u < weight[p])
            return p;
        u -= weight[p];
    }
    return last;
}

/* From the mixture with its negative terms: proposals from the processes of positive rate, each with the bound of its
 * morph; accepted with lambda over their sum, which lambda cannot exceed. Where shifts make lambda negative (not seen for
 * |alpha| < 2 and mu < 9) no event is made. */
static int sample_observed(const offshell_simulator *s, const offshell_point *point, offshell_stream *stream, double *z)
{
    double envelope[OFFSHELL_PROCESSES], density[OFFSHELL_PROCESSES];

    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        envelope[p] = fmax(0.0, point->yield[p]) * point->rates.bound[p] / point->rates.partition[p];
    for (;;) {
        const int process = choose(stream, envelope);
        double bound = 0.0;

        offshell_truth_sample(&s->truth, process, stream, z);
        offshell_truth_density(&s->truth, z, density);
        for (int p = 0; p < OFFSHELL_PROCESSES; p++)
            bound += envelope[p] * density[p];
        if (offshell_uniform(stream) * bound < rate_density(s, point, z, density))
            return process;
    }
}

static void sample_variation(const offshell_simulator *s, const offshell_sample *sample, offshell_stream *stream,
                             double *z)
{
    const offshell_nuisance *n = &s->nuisance[sample->nuisance];
    const double bound = offshell_nuisance_bound(n, sample->process, sample->direction);
    double hi, lo;

    do {
        offshell_truth_sample(&s->truth, sample->process, stream, z);
        offshell_nuisance_ratio(n, sample->process, z[n->variable], &hi, &lo);
    } while (offshell_uniform(stream) * bound >= (sample->direction > 0 ? hi : lo));
}

static int sample_truth(const offshell_simulator *s, const offshell_sample *sample, offshell_stream *stream, double *z,
                        double *weight)
{
    static const double equal[OFFSHELL_PROCESSES] = {1.0, 1.0, 1.0, 1.0};
    double density[OFFSHELL_PROCESSES], hi, lo;
    int process = sample->process;

    *weight = 1.0;
    switch (sample->kind) {
    case OFFSHELL_VARIATION:
        sample_variation(s, sample, stream, z);
        break;
    case OFFSHELL_OBSERVED:
        process = sample_observed(s, sample->point, stream, z);
        break;
    case OFFSHELL_REFERENCE:
    case OFFSHELL_ASIMOV:
        process = choose(stream, equal);
        offshell_truth_sample(&s->truth, process, stream, z);
        if (sample->kind == OFFSHELL_ASIMOV) {
            offshell_truth_density(&s->truth, z, density);
            *weight = rate_density(s, sample->point, z, density) / ((double)sample->total * reference_density(density));
        }
        break;
    default:
        offshell_truth_sample(&s->truth, process, stream, z);
        if (sample->kind == OFFSHELL_VARIATION_WEIGHTED) {
            const offshell_nuisance *n = &s->nuisance[sample->nuisance];
            offshell_nuisance_ratio(n, process, z[n->variable], &hi, &lo);
            *weight = sample->direction > 0 ? hi : lo;
        }
    }
    return process;
}

static sbi_status check_sample(const offshell_simulator *s, const offshell_sample *sample)
{
    switch (sample->kind) {
    case OFFSHELL_VARIATION:
    case OFFSHELL_VARIATION_WEIGHTED:
        if (sample->nuisance < 0 || sample->nuisance >= s->nuisances ||
            (sample->direction != 1 && sample->direction != -1))
            return SBI_ERR_ARGUMENT;
        /* fall through */
    case OFFSHELL_PROCESS:
        return sample->process >= 0 && sample->process < OFFSHELL_PROCESSES ? SBI_OK : SBI_ERR_ARGUMENT;
    case OFFSHELL_REFERENCE:
        return SBI_OK;
    case OFFSHELL_ASIMOV:
        return sample->point && sample->total > 0 ? SBI_OK : SBI_ERR_ARGUMENT;
    case OFFSHELL_OBSERVED:
        if (!sample->point)
            return SBI_ERR_ARGUMENT;
        return offshell_point_total(sample->point) > 0.0 ? SBI_OK : SBI_ERR_DOMAIN;
    default:
        return SBI_ERR_ARGUMENT;
    }
}

/* The point is left out of the key on purpose: toys at two points share their random numbers. */
static uint64_t sample_key(const offshell_simulator *s, const offshell_sample *sample)
{
    const int varied = sample->kind == OFFSHELL_VARIATION || sample->kind == OFFSHELL_VARIATION_WEIGHTED;
    const int fixed = varied || sample->kind == OFFSHELL_PROCESS;
    uint64_t key = offshell_combine(s->seed, 1 + (uint64_t)sample->kind);

    key = offshell_combine(key, fixed ? 1 + (uint64_t)sample->process : 0);
    key = offshell_combine(key, varied ? 1 + 2 * (uint64_t)sample->nuisance + (sample->direction > 0) : 0);
    return offshell_combine(key, sample->number);
}

sbi_status offshell_fill(const offshell_simulator *s, const offshell_sample *sample, uint64_t first, size_t count,
                         const offshell_columns *columns)
{
    if (!s || !sample || !columns)
        return SBI_ERR_ARGUMENT;
    const sbi_status status = check_sample(s, sample);
    if (status != SBI_OK)
        return status;
    const uint64_t key = sample_key(s, sample);
    int ratios = 0;
    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        ratios |= columns->ratio[p] != NULL;

    for (size_t i = 0; i < count; i++) {
        offshell_stream stream = offshell_stream_open(key, first + i);
        double z[OFFSHELL_TRUTH_DIM], weight;
        const int process = sample_truth(s, sample, &stream, z, &weight);

        if (columns->weight)
            columns->weight[i] = weight;
        if (columns->process)
            columns->process[i] = process;
        if (columns->truth)
            memcpy(columns->truth + i * OFFSHELL_TRUTH_DIM, z, sizeof z);
        if (columns->features) {
            double noise[OFFSHELL_NOISE_DIM], x[OFFSHELL_FEATURES];

            for (int j = 0; j < OFFSHELL_NOISE_DIM; j += 2)
                offshell_normal_pair(&stream, noise + j);
            offshell_mixing_forward(&s->mixing, z, noise, x);
            for (int j = 0; j < OFFSHELL_FEATURES; j++)
                columns->features[i * OFFSHELL_FEATURES + j] = (float)x[j];
        }
        if (ratios) {
            double *one[OFFSHELL_PROCESSES];

            for (int p = 0; p < OFFSHELL_PROCESSES; p++)
                one[p] = columns->ratio[p] ? columns->ratio[p] + i : NULL;
            offshell_ratios(s, z, 1, one);
        }
    }
    return SBI_OK;
}

uint64_t offshell_observed_count(const offshell_simulator *s, const offshell_point *point, uint64_t number)
{
    const uint64_t key = offshell_combine(offshell_combine(s->seed, UINT64_C(0x636f756e74)), number);
    offshell_stream stream = offshell_stream_open(key, 0);
    uint64_t events = 0;

    /* Exact for any mean: arrivals of unit rate are counted until the mean is used up. */
    for (double left = offshell_point_total(point);; events++) {
        left += log(offshell_uniform(&stream));
        if (left < 0.0)
            return events;
    }
}

void offshell_ratios(const offshell_simulator *s, const double *truth, size_t count,
                     double *const ratio[OFFSHELL_PROCESSES])
{
    for (size_t i = 0; i < count; i++) {
        double density[OFFSHELL_PROCESSES];

        offshell_truth_density(&s->truth, truth + i * OFFSHELL_TRUTH_DIM, density);
        const double reference = reference_density(density);
        for (int p = 0; p < OFFSHELL_PROCESSES; p++)
            if (ratio[p])
                ratio[p][i] = density[p] / reference;
    }
}

sbi_status offshell_variation_ratios(const offshell_simulator *s, int process, int nuisance, const double *truth,
                                     size_t count, double *hi, double *lo)
{
    if (!s || !truth || process < 0 || process >= OFFSHELL_PROCESSES || nuisance < 0 || nuisance >= s->nuisances)
        return SBI_ERR_ARGUMENT;
    const offshell_nuisance *n = &s->nuisance[nuisance];
    for (size_t i = 0; i < count; i++) {
        double up, down;

        offshell_nuisance_ratio(n, process, truth[i * OFFSHELL_TRUTH_DIM + (size_t)n->variable], &up, &down);
        if (hi)
            hi[i] = up;
        if (lo)
            lo[i] = down;
    }
    return SBI_OK;
}

void offshell_truth_from_features(const offshell_simulator *s, const float *features, size_t count, double *truth)
{
    for (size_t i = 0; i < count; i++) {
        double x[OFFSHELL_FEATURES], noise[OFFSHELL_NOISE_DIM];

        for (int j = 0; j < OFFSHELL_FEATURES; j++)
            x[j] = (double)features[i * OFFSHELL_FEATURES + j];
        offshell_mixing_inverse(&s->mixing, x, truth + i * OFFSHELL_TRUTH_DIM, noise);
    }
}

void offshell_intensity(const offshell_simulator *s, const offshell_point *point, const double *truth, size_t count,
                        double *intensity)
{
    for (size_t i = 0; i < count; i++) {
        const double *z = truth + i * OFFSHELL_TRUTH_DIM;
        double density[OFFSHELL_PROCESSES];

        offshell_truth_density(&s->truth, z, density);
        intensity[i] = rate_density(s, point, z, density) / reference_density(density);
    }
}
