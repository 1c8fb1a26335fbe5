/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
enum { ORDER = 12, PANELS = OFFSHELL_NODES / ORDER };

/* The mass runs from 220 GeV to 1500 GeV: ln(1500 / 220) = 1.9196. */
const double offshell_domain[OFFSHELL_TRUTH_DIM][2] = {
    {0.0, 1.9196}, {-1.0, 1.0}, {-1.0, 1.0}, {-1.0, 1.0}, {-PI, PI}, {0.0, 7.0}};
const char *const offshell_process_name[OFFSHELL_PROCESSES] = {"S", "SBI", "B", "NI"};
const char *const offshell_truth_name[OFFSHELL_TRUTH_DIM] = {"ln_m4l", "cos_theta1", "cos_theta2",
                                                             "cos_theta_star", "phi", "ln_pt"};

/* Fractions of the helicity states L, T in signal, box and qq. The signal above 2 m_Z is longitudinal; the box is
 * mostly transverse. The signal falls slowest with mass, so it matters most at high mass. */
static const double fraction[OFFSHELL_DIRECT_TERMS] = {0.97, 0.03, 0.20, 0.80, 0.12, 0.88};
static const offshell_shape shapes[OFFSHELL_DIRECT_TERMS] = {
    {2.4, 0.8, 1.0, 0.00, -0.03, 0.00, 3.60, 0.90, {0}}, {3.6, 0.8, 0.0, 0.00, 0.00, 0.30, 3.60, 0.90, {0}},
    {2.6, 0.5, 1.0, 0.25, 0.03, 0.00, 3.50, 0.90, {0}},  {4.0, 0.0, 0.0, 0.77, 0.00, 0.10, 3.50, 0.90, {0}},
    {4.0, 0.0, 1.0, 0.87, 0.00, 0.00, 3.00, 1.00, {0}},  {4.0, 0.0, 0.0, 0.87, 0.00, 0.00, 3.00, 1.00, {0}}};

/* exp(-((m - 350) / 70)^2): the opening of the top loop. */
static double top_threshold(double u)
{
    const double x = (220.0 * exp(u) - 350.0) / 70.0;

    return exp(-x * x);
}

/* cos delta_h: nearly opposite phases, less so where the top loop has its largest absorptive part. */
static double phase(int helicity, double top)
{
    return helicity == 0 ? -(0.95 - 0.2 * top) : -(0.10 - 0.05 * top);
}

static double factor(const offshell_shape *s, int variable, double z)
{
    switch (variable) {
    case OFFSHELL_MASS: return exp(-s->slope * z) * (1.0 + s->threshold * top_threshold(z));
    case OFFSHELL_COS1:
    case OFFSHELL_COS2: return 1.0 + (1.0 - 2.0 * s->longitudinal) * z * z;
    case OFFSHELL_COS_STAR: return 1.0 / (1.0 - s->forward * z * z);
    case OFFSHELL_PHI: return 1.0 + s->phi1 * cos(z) + s->phi2 * cos(2.0 * z);
    default: {
        const double x = (z - s->jet_mean) / s->jet_width;
        return exp(-0.5 * x * x);
    }
    }
}

/* Gauss-Legendre nodes and weights on (-1, 1), by Newton on P_n from Tricomi's starting points. */
static void gauss_legendre(double node[ORDER], double weight[ORDER])
{
    for (int i = 0; i < ORDER; i++) {
        double x = cos(PI * (i + 0.75) / (ORDER + 0.5)), slope = 1.0;

        for (int iteration = 0; iteration < 20; iteration++) {
            double p0 = 1.0, p1 = x;
            for (int n = 2; n <= ORDER; n++) {
                const double p2 = ((2.0 * n - 1.0) * x * p1 - (n - 1.0) * p0) / n;
                p0 = p1;
                p1 = p2;
            }
            slope = ORDER * (x * p1 - p0) / (x * x - 1.0);
            x -= p1 / slope;
        }
        node[i] = x;
        weight[i] = 2.0 / ((1.0 - x * x) * slope * slope);
    }
}

static void make_inverse(offshell_inverse *inverse, const offshell_shape *s, int variable, const double x[ORDER],
                         const double w[ORDER])
{
    const double low = offshell_domain[variable][0], high = offshell_domain[variable][1];
    const double step = (high - low) / OFFSHELL_CDF_BINS;
    double sum = 0.0;

    inverse->cdf[0] = 0.0;
    for (int b = 0; b < OFFSHELL_CDF_BINS; b++) {
        double bin = 0.0;
        for (int i = 0; i < ORDER; i++)
            bin += w[i] * factor(s, variable, low + step * (b + 0.5 * (1.0 + x[i])));
        sum += 0.5 * step * bin;
        inverse->cdf[b + 1] = sum;
    }
    for (int b = 0; b <= OFFSHELL_CDF_BINS; b++) {
        inverse->cdf[b] /= sum;
        inverse->density[b] = factor(s, variable, low + step * b) / sum;
    }
}

static void fill_nodes(offshell_truth *t)
{
    double x[ORDER], w[ORDER];

    gauss_legendre(x, w);
    for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++) {
        const double low = offshell_domain[v][0];
        const double half = 0.5 * (offshell_domain[v][1] - low) / PANELS;

        for (int i = 0; i < OFFSHELL_NODES; i++) {
            t->node[v][i] = low + half * (2 * (i / ORDER) + 1.0 + x[i % ORDER]);
            t->weight[v][i] = half * w[i % ORDER];
        }
        for (int c = 0; c < OFFSHELL_DIRECT_TERMS; c++) {
            offshell_shape *s = &t->shape[c];
            double sum = 0.0;

            for (int i = 0; i < OFFSHELL_NODES; i++)
                sum += t->weight[v][i] * factor(s, v, t->node[v][i]);
            s->scale[v] = 1.0 / sum;
            for (int i = 0; i < OFFSHELL_NODES; i++)
                t->factor[c][v][i] = s->scale[v] * factor(s, v, t->node[v][i]);
            t->integral[c][v] = 1.0;
            make_inverse(&t->inverse[c][v], s, v, x, w);
        }
        for (int h = 0; h < 2; h++) {
            double sum = 0.0;

            for (int i = 0; i < OFFSHELL_NODES; i++) {
                const double overlap = sqrt(t->factor[OFFSHELL_SL + h][v][i] * t->factor[OFFSHELL_BL + h][v][i]);
                const double cosine = v == OFFSHELL_MASS ? phase(h, top_threshold(t->node[v][i])) : 1.0;
                t->factor[OFFSHELL_XL + h][v][i] = overlap * cosine;
                sum += t->weight[v][i] * overlap * cosine;
            }
            t->integral[OFFSHELL_XL + h][v] = sum;
        }
    }
}

sbi_status offshell_truth_init(offshell_truth *t, double yield_s, double yield_b, double yield_ni)
{
    if (!(yield_s > 0.0 && yield_s < HUGE_VAL && yield_b > 0.0 && yield_b < HUGE_VAL && yield_ni > 0.0 &&
          yield_ni < HUGE_VAL))
        return SBI_ERR_ARGUMENT;
    memset(t, 0, sizeof *t);
    memcpy(t->shape, shapes, sizeof shapes);
    fill_nodes(t);

    double cross[2];
    for (int h = 0; h < 2; h++) {
        double overlap = 1.0;
        for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++)
            overlap *= t->integral[OFFSHELL_XL + h][v];
        cross[h] = 2.0 * sqrt(yield_s * fraction[OFFSHELL_SL + h] * yield_b * fraction[OFFSHELL_BL + h]);
        t->interference += cross[h] * overlap;
    }
    t->yield[OFFSHELL_S] = yield_s;
    t->yield[OFFSHELL_B] = yield_b;
    t->yield[OFFSHELL_NI] = yield_ni;
    t->yield[OFFSHELL_SBI] = yield_s + t->interference + yield_b;
    for (int h = 0; h < 2; h++) {
        const double total = t->yield[OFFSHELL_SBI];

        t->coefficient[OFFSHELL_S][OFFSHELL_SL + h] = fraction[OFFSHELL_SL + h];
        t->coefficient[OFFSHELL_B][OFFSHELL_BL + h] = fraction[OFFSHELL_BL + h];
        t->coefficient[OFFSHELL_NI][OFFSHELL_NL + h] = fraction[OFFSHELL_NL + h];
        t->coefficient[OFFSHELL_SBI][OFFSHELL_SL + h] = yield_s * fraction[OFFSHELL_SL + h] / total;
        t->coefficient[OFFSHELL_SBI][OFFSHELL_BL + h] = yield_b * fraction[OFFSHELL_BL + h] / total;
        t->coefficient[OFFSHELL_SBI][OFFSHELL_XL + h] = cross[h] / total;
    }
    return SBI_OK;
}

/* The eight product terms at z; what several terms share is computed once. */
static void product_terms(const offshell_truth *t, const double z[OFFSHELL_TRUTH_DIM], double term[OFFSHELL_TERMS])
{
    const double top = top_threshold(z[OFFSHELL_MASS]);
    const double cosine = cos(z[OFFSHELL_PHI]), star = z[OFFSHELL_COS_STAR] * z[OFFSHELL_COS_STAR];
    const double c1 = z[OFFSHELL_COS1] * z[OFFSHELL_COS1], c2 = z[OFFSHELL_COS2] * z[OFFSHELL_COS2];

    for (int c = 0; c < OFFSHELL_DIRECT_TERMS; c++) {
        const offshell_shape *s = &t->shape[c];
        const double x = (z[OFFSHELL_JET] - s->jet_mean) / s->jet_width, decay = 1.0 - 2.0 * s->longitudinal;
        const double scale = s->scale[0] * s->scale[1] * s->scale[2] * s->scale[3] * s->scale[4] * s->scale[5];

        term[c] = scale * exp(-s->slope * z[OFFSHELL_MASS] - 0.5 * x * x) * (1.0 + s->threshold * top) *
                  (1.0 + decay * c1) * (1.0 + decay * c2) *
                  (1.0 + s->phi1 * cosine + s->phi2 * (2.0 * cosine * cosine - 1.0)) / (1.0 - s->forward * star);
    }
    for (int h = 0; h < 2; h++)
        term[OFFSHELL_XL + h] = phase(h, top) * sqrt(term[OFFSHELL_SL + h] * term[OFFSHELL_BL + h]);
}

void offshell_truth_density(const offshell_truth *t, const double z[OFFSHELL_TRUTH_DIM],
                            double density[OFFSHELL_PROCESSES])
{
    double term[OFFSHELL_TERMS];

    product_terms(t, z, term);
    for (int p = 0; p < OFFSHELL_PROCESSES; p++) {
        density[p] = 0.0;
        for (int c = 0; c < OFFSHELL_TERMS; c++)
            density[p] += t->coefficient[p][c] * term[c];
    }
}

/* Inverts the cumulative distribution: cubic Hermite within a bin, so the density that is sampled differs from the
 * true one by about 1e-8 of it. Newton within a bin falls back to bisection where it would leave the bracket. */
static double invert(const offshell_inverse *inverse, int variable, double u)
{
    const double step = (offshell_domain[variable][1] - offshell_domain[variable][0]) / OFFSHELL_CDF_BINS;
    int low = 0, high = OFFSHELL_CDF_BINS;

    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (inverse->cdf[middle] <= u)
            low = middle;
        else
            high = middle;
    }
    const double rise = inverse->cdf[low + 1] - inverse->cdf[low], target = u - inverse->cdf[low];
    const double d0 = step * inverse->density[low], d1 = step * inverse->density[low + 1];
    const double a2 = 3.0 * rise - 2.0 * d0 - d1, a3 = d0 + d1 - 2.0 * rise;
    double left = 0.0, right = 1.0, x = rise > 0.0 ? target / rise : 0.5;

    for (int i = 0; i < 6; i++) {
        const double value = x * (d0 + x * (a2 + x * a3)) - target, slope = d0 + x * (2.0 * a2 + x * 3.0 * a3);
        if (value > 0.0)
            right = x;
        else
            left = x;
        const double next = x - value / slope;
        if (fabs(next - x) < 1e-14)
            break;
        x = next >= left && next <= right ? next : 0.5 * (left + right);
    }
    return offshell_domain[variable][0] + step * (low + x);
}

static void sample_direct(const offshell_truth *t, const double *weight, int first, int count, offshell_stream *stream,
                          double z[OFFSHELL_TRUTH_DIM])
{
    double sum = 0.0;

    for (int c = first; c < first + count; c++)
        sum += weight[c];
    double u = offshell_uniform(stream) * sum;
    int term = first;
    while (term < first + count - 1 && u >= weight[term])
        u -= weight[term++];
    for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++)
        z[v] = invert(&t->inverse[term][v], v, offshell_uniform(stream));
}

void offshell_truth_sample(const offshell_truth *t, int process, offshell_stream *stream, double z[OFFSHELL_TRUTH_DIM])
{
    const double *coefficient = t->coefficient[process];
    double term[OFFSHELL_TERMS];

    switch (process) {
    case OFFSHELL_S: sample_direct(t, coefficient, OFFSHELL_SL, 2, stream, z); return;
    case OFFSHELL_B: sample_direct(t, coefficient, OFFSHELL_BL, 2, stream, z); return;
    case OFFSHELL_NI: sample_direct(t, coefficient, OFFSHELL_NL, 2, stream, z); return;
    default: break;
    }
    for (;;) {
        double bound = 0.0, cross = 0.0;

        sample_direct(t, coefficient, OFFSHELL_SL, 4, stream, z);
        product_terms(t, z, term);
        for (int c = OFFSHELL_SL; c <= OFFSHELL_BT; c++)
            bound += coefficient[c] * term[c];
        for (int c = OFFSHELL_XL; c <= OFFSHELL_XT; c++)
            cross += coefficient[c] * term[c];
        if (offshell_uniform(stream) * bound < bound + cross)
            return;
    }
}

double offshell_truth_expectation(const offshell_truth *t, int process, int variable,
                                  const double replaced[OFFSHELL_TERMS])
{
    double sum = 0.0;

    for (int c = 0; c < OFFSHELL_TERMS; c++) {
        double product = t->coefficient[process][c];
        for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++)
            product *= v == variable ? replaced[c] : t->integral[c][v];
        sum += product;
    }
    return sum;
}
