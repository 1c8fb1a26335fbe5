/* SPDX-License-Identifier: Apache-2.0 */
#include "mixing.h"

#include <math.h>

enum { D = OFFSHELL_FEATURES, H = OFFSHELL_FEATURES / 2 };

/* Strength of the couplings: enough that no feature is a linear function of z, little enough for small networks. */
static const double COUPLING = 0.5;
/* Rough mean and standard deviation of each truth variable over all processes. */
static const double centre[OFFSHELL_TRUTH_DIM] = {0.40, 0.0, 0.0, 0.0, 0.0, 3.3};
static const double width[OFFSHELL_TRUTH_DIM] = {0.37, 0.55, 0.55, 0.63, 1.81, 0.97};

void offshell_mixing_init(offshell_mixing *m, uint64_t seed)
{
    offshell_stream stream = offshell_stream_open(offshell_combine(seed, UINT64_C(0x6d6978)), 0);

    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            m->rotation[i][j] = i == j;
    /* A product of D Householder reflections in random directions is a random orthogonal matrix. */
    for (int reflection = 0; reflection < D; reflection++) {
        double v[D], norm = 0.0;

        for (int j = 0; j < D; j += 2)
            offshell_normal_pair(&stream, v + j);
        for (int j = 0; j < D; j++)
            norm += v[j] * v[j];
        for (int i = 0; i < D; i++) {
            double dot = 0.0;
            for (int j = 0; j < D; j++)
                dot += m->rotation[i][j] * v[j];
            for (int j = 0; j < D; j++)
                m->rotation[i][j] -= 2.0 * dot * v[j] / norm;
        }
    }
    for (int layer = 0; layer < 2; layer++)
        for (int i = 0; i < H; i++) {
            double pair[2];
            for (int j = 0; j < H; j += 2) {
                offshell_normal_pair(&stream, pair);
                m->matrix[layer][i][j] = pair[0] / sqrt((double)H);
                m->matrix[layer][i][j + 1] = pair[1] / sqrt((double)H);
            }
            offshell_normal_pair(&stream, pair);
            m->shift[layer][i] = 0.3 * pair[0];
        }
    for (int j = 0; j < D; j++)
        m->curve[j] = 0.15 + 0.20 * offshell_uniform(&stream);
}

/* target += sign * c tanh(M source + shift) */
static void couple(const offshell_mixing *m, int layer, double sign, const double source[H], double target[H])
{
    for (int i = 0; i < H; i++) {
        double sum = m->shift[layer][i];
        for (int j = 0; j < H; j++)
            sum += m->matrix[layer][i][j] * source[j];
        target[i] += sign * COUPLING * tanh(sum);
    }
}

void offshell_mixing_forward(const offshell_mixing *m, const double z[OFFSHELL_TRUTH_DIM],
                             const double noise[OFFSHELL_NOISE_DIM], double x[D])
{
    double in[D], y[D];

    for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++)
        in[v] = (z[v] - centre[v]) / width[v];
    for (int j = 0; j < OFFSHELL_NOISE_DIM; j++)
        in[OFFSHELL_TRUTH_DIM + j] = noise[j];
    for (int i = 0; i < D; i++) {
        y[i] = 0.0;
        for (int j = 0; j < D; j++)
            y[i] += m->rotation[i][j] * in[j];
    }
    couple(m, 0, 1.0, y, y + H);
    couple(m, 1, 1.0, y + H, y);
    for (int i = 0; i < D; i++)
        x[i] = sinh(m->curve[i] * y[i]) / m->curve[i];
}

void offshell_mixing_inverse(const offshell_mixing *m, const double x[D], double z[OFFSHELL_TRUTH_DIM],
                             double noise[OFFSHELL_NOISE_DIM])
{
    double in[D] = {0.0}, y[D];

    for (int i = 0; i < D; i++)
        y[i] = asinh(m->curve[i] * x[i]) / m->curve[i];
    couple(m, 1, -1.0, y + H, y);
    couple(m, 0, -1.0, y, y + H);
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            in[j] += m->rotation[i][j] * y[i];
    for (int v = 0; v < OFFSHELL_TRUTH_DIM; v++)
        z[v] = centre[v] + width[v] * in[v];
    for (int j = 0; j < OFFSHELL_NOISE_DIM; j++)
        noise[j] = in[OFFSHELL_TRUTH_DIM + j];
}
