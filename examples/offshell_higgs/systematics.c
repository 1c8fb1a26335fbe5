/* SPDX-License-Identifier: Apache-2.0 */
#include "systematics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ON_S = 1u << OFFSHELL_S, ON_SBI = 1u << OFFSHELL_SBI, ON_B = 1u << OFFSHELL_B, ON_NI = 1u << OFFSHELL_NI,
    ON_GG = ON_S | ON_SBI | ON_B, ON_ALL = ON_GG | ON_NI
};

static const offshell_nuisance named[4] = {
    {"energy_scale", OFFSHELL_MASS, OFFSHELL_TILT, ON_ALL, {-0.30, 0.50, 0.10, 0.010, {0}}, {-0.25, 0.50, 0.09, 0.010, {0}}},
    {"gg_theory", OFFSHELL_MASS, OFFSHELL_BUMP, ON_GG, {-0.45, 0.40, 0.08, 0.080, {0}}, {-0.40, 0.45, 0.08, 0.070, {0}}},
    {"qq_electroweak", OFFSHELL_COS_STAR, OFFSHELL_PARABOLA, ON_NI, {0.0, 1.0, 0.10, 0.030, {0}}, {0.1, 1.0, 0.10, 0.030, {0}}},
    {"jet_recoil", OFFSHELL_JET, OFFSHELL_TILT, ON_ALL, {0.00, 0.35, 0.12, 0.000, {0}}, {0.05, 0.30, 0.10, 0.000, {0}}}};

static double position(int variable, double z)
{
    const double low = offshell_domain[variable][0], high = offshell_domain[variable][1];

    return (2.0 * z - low - high) / (high - low);
}

static double shape(offshell_form form, const offshell_side *side, double t)
{
    const double x = (t - side->centre) / side->width;

    switch (form) {
    case OFFSHELL_TILT: return tanh(x);
    case OFFSHELL_BUMP: return exp(-x * x);
    /* At most 1.44 for |centre| <= 0.2: the factor keeps |h| <= 1. */
    case OFFSHELL_PARABOLA: return x * x / 1.44;
    default: return cos(1.57079632679489661923 * side->width * (t + 1.0) + side->centre);
    }
}

static void draw(offshell_nuisance *n, int k, uint64_t seed)
{
    static const uint32_t masks[4] = {ON_ALL, ON_GG, ON_NI, ON_ALL};
    offshell_stream stream = offshell_stream_open(offshell_combine(seed, UINT64_C(0x6e7569)), (uint64_t)k);

    memset(n, 0, sizeof *n);
    snprintf(n->name, sizeof n->name, "nuisance_%03d", k);
    n->variable = k % OFFSHELL_TRUTH_DIM;
    n->mask = masks[(int)(4.0 * offshell_uniform(&stream))];
    if (n->variable == OFFSHELL_PHI)
        n->form = OFFSHELL_WAVE;
    else if (n->variable == OFFSHELL_MASS || n->variable == OFFSHELL_JET)
        n->form = offshell_uniform(&stream) < 0.5 ? OFFSHELL_TILT : OFFSHELL_BUMP;
    else
        n->form = offshell_uniform(&stream) < 0.5 ? OFFSHELL_TILT : OFFSHELL_PARABOLA;

    /* Sizes from 0.5 to 6 per cent, small ones more often. */
    const double size = 0.005 * exp(log(12.0) * offshell_uniform(&stream));
    const double rate = 0.02 * (2.0 * offshell_uniform(&stream) - 1.0);
    const double centre = 1.2 * (offshell_uniform(&stream) - 0.5), width = 0.3 + 0.5 * offshell_uniform(&stream);
    const double cycles = 2.0 * (1 + (int)(3.0 * offshell_uniform(&stream)));
    offshell_side *sides[2] = {&n->hi, &n->lo};

    for (int i = 0; i < 2; i++) {    /* the two directions differ a little, as they do in practice */
        const double skew = offshell_uniform(&stream) - 0.5;

        sides[i]->size = size * (1.0 + 0.2 * skew);
        sides[i]->rate = rate * (1.0 + 0.2 * skew);
        switch (n->form) {
        case OFFSHELL_WAVE:
            sides[i]->centre = 6.0 * centre + 0.3 * skew;
            sides[i]->width = cycles;
            break;
        case OFFSHELL_PARABOLA:
            sides[i]->centre = 0.2 * skew;
            sides[i]->width = 1.0;
            break;
        default:
            sides[i]->centre = centre + 0.1 * skew;
            sides[i]->width = width;
        }
    }
}

static void fill_means(const offshell_nuisance *n, offshell_side *side, const offshell_truth *truth)
{
    const int v = n->variable;
    double integral[OFFSHELL_TERMS] = {0.0};

    for (int i = 0; i < OFFSHELL_NODES; i++) {
        const double h = truth->weight[v][i] * shape(n->form, side, position(v, truth->node[v][i]));
        for (int c = 0; c < OFFSHELL_TERMS; c++)
            integral[c] += h * truth->factor[c][v][i];
    }
    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        side->mean[p] = offshell_truth_expectation(truth, p, v, integral);
}

void offshell_nuisances_init(offshell_nuisance *nuisance, int count, uint64_t seed, const offshell_truth *truth)
{
    for (int k = 0; k < count; k++) {
        offshell_nuisance *n = &nuisance[k];

        if (k < (int)(sizeof named / sizeof named[0]))
            *n = named[k];
        else
            draw(n, k, seed);
        fill_means(n, &n->hi, truth);
        fill_means(n, &n->lo, truth);
    }
}

int offshell_nuisance_acts(const offshell_nuisance *n, int process)
{
    return (int)(n->mask >> process & 1u);
}

void offshell_nuisance_ratio(const offshell_nuisance *n, int process, double z_variable, double *hi, double *lo)
{
    *hi = *lo = 1.0;
    if (!offshell_nuisance_acts(n, process))
        return;
    const double t = position(n->variable, z_variable);
    *hi = (1.0 + n->hi.size * shape(n->form, &n->hi, t)) / (1.0 + n->hi.size * n->hi.mean[process]);
    *lo = (1.0 - n->lo.size * shape(n->form, &n->lo, t)) / (1.0 - n->lo.size * n->lo.mean[process]);
}

void offshell_nuisance_norm(const offshell_nuisance *n, int process, double *hi, double *lo)
{
    *hi = *lo = 1.0;
    if (!offshell_nuisance_acts(n, process))
        return;
    *hi = (1.0 + n->hi.rate) * (1.0 + n->hi.size * n->hi.mean[process]);
    *lo = (1.0 - n->lo.rate) * (1.0 - n->lo.size * n->lo.mean[process]);
}

double offshell_nuisance_bound(const offshell_nuisance *n, int process, int direction)
{
    if (!offshell_nuisance_acts(n, process))
        return 1.0;
    const offshell_side *side = direction > 0 ? &n->hi : &n->lo;
    const double sign = direction > 0 ? 1.0 : -1.0;
    return (1.0 + side->size) / (1.0 + sign * side->size * side->mean[process]);
}

double offshell_code4(double a, double u, double d)
{
    const double lu = log(u), ld = log(d);

    if (a >= 1.0)
        return exp(a * lu);
    if (a <= -1.0)
        return exp(-a * ld);
    const double s0 = 0.5 * (u + d), a0 = 0.5 * (u - d);
    const double s1 = 0.5 * (u * lu - d * ld), a1 = 0.5 * (u * lu + d * ld);
    const double s2 = 0.5 * (u * lu * lu + d * ld * ld), a2 = 0.5 * (u * lu * lu - d * ld * ld);
    const double c1 = (15.0 * a0 - 7.0 * s1 + a2) / 8.0, c2 = (-24.0 + 24.0 * s0 - 9.0 * a1 + s2) / 8.0;
    const double c3 = (-5.0 * a0 + 5.0 * s1 - a2) / 4.0, c4 = (12.0 - 12.0 * s0 + 7.0 * a1 - s2) / 4.0;
    const double c5 = (3.0 * a0 - 3.0 * s1 + a2) / 8.0, c6 = (-8.0 + 8.0 * s0 - 5.0 * a1 + s2) / 8.0;

    return 1.0 + a * (c1 + a * (c2 + a * (c3 + a * (c4 + a * (c5 + a * c6)))));
}

/* prod_k g_kp(alpha_k) over the nuisances of one variable. */
static double product_at(const offshell_nuisance *nuisance, int count, const double *alpha, int process, int variable,
                         double z)
{
    double product = 1.0;

    for (int k = 0; k < count; k++) {
        double hi, lo;
        if (nuisance[k].variable != variable || alpha[k] == 0.0 || !offshell_nuisance_acts(&nuisance[k], process))
            continue;
        offshell_nuisance_ratio(&nuisance[k], process, z, &hi, &lo);
        product *= offshell_code4(alpha[k], hi, lo);
    }
    return product;
}

void offshell_rates_at(offshell_rates *rates, const offshell_truth *truth, const offshell_nuisance *nuisance, int count,
                       const double *alpha)
{
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        double product[OFFSHELL_TERMS];

        rates->norm[p] = rates->bound[p] = 1.0;
        rates->partition[p] = 0.0;
        for (int c = 0; c < OFFSHELL_TERMS; c++)
            product[c] = truth->coefficient[p][c];
        for (int k = 0; k < count; k++) {
            double hi, lo;
            offshell_nuisance_norm(&nuisance[k], p, &hi, &lo);
            if (alpha[k] != 0.0)
                rates->norm[p] *= offshell_code4(alpha[k], hi, lo);
        }
        for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++) {
            double integral[OFFSHELL_TERMS] = {0.0}, largest = 0.0;

            for (int i = 0; i < OFFSHELL_NODES; i++) {
                const double g = product_at(nuisance, count, alpha, p, v, truth->node[v][i]);
                for (int c = 0; c < OFFSHELL_TERMS; c++)
                    integral[c] += g * truth->weight[v][i] * truth->factor[c][v][i];
                largest = fmax(largest, g);
            }
            for (int end = 0; end < 2; end++)
                largest = fmax(largest, product_at(nuisance, count, alpha, p, v, offshell_domain[v][end]));
            /* The nodes are 0.3 per cent of the domain apart; the margin covers what lies between two of them. */
            rates->bound[p] *= largest == 1.0 ? 1.0 : 1.002 * largest;
            for (int c = 0; c < OFFSHELL_TERMS; c++)
                product[c] *= integral[c];
        }
        for (int c = 0; c < OFFSHELL_TERMS; c++)
            rates->partition[p] += product[c];
    }
}
