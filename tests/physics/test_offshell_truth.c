/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator of examples/offshell_higgs against itself: normalisation, sampling, inverse, curve. Monte Carlo tests
 * use fixed seeds, so they pass or fail the same way each time; limits are 5 standard errors, or p-values of 1e-6. */
#include "../../examples/offshell_higgs/curve.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 100000, P = OFFSHELL_PROCESSES, Z = OFFSHELL_TRUTH_DIM, X = OFFSHELL_FEATURES };

static offshell_simulator *simulator;

static void setup(void)
{
    offshell_options options = OFFSHELL_OPTIONS_INIT;

    options.nuisances = 24;
    ck_assert_int_eq(offshell_create(&simulator, &options), SBI_OK);
}

static void teardown(void)
{
    offshell_destroy(simulator);
}

static double *array(size_t n)
{
    double *a = malloc(n * sizeof *a);

    ck_assert_ptr_nonnull(a);
    return a;
}

typedef struct mean {
    double value, error;
} mean;

static mean mean_of(const double *x, size_t n)
{
    double sum = 0.0, square = 0.0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    sum /= (double)n;
    for (size_t i = 0; i < n; i++)
        square += (x[i] - sum) * (x[i] - sum);
    return (mean){sum, sqrt(square / ((double)n * ((double)n - 1.0)))};
}

static void assert_mean(const double *x, size_t n, double expected, const char *what)
{
    const mean m = mean_of(x, n);

    ck_assert_msg(fabs(m.value - expected) < 5.0 * m.error + 1e-12, "%s: %.6f +- %.6f, expected %.6f", what, m.value,
                  m.error, expected);
}

static double *fill_truth(const offshell_sample *sample, size_t n, double *weight, double *const ratio[P])
{
    double *truth = array(n * Z);
    offshell_columns columns = {.truth = truth, .weight = weight};

    for (int p = 0; p < P && ratio; p++)
        columns.ratio[p] = ratio[p];
    ck_assert_int_eq(offshell_fill(simulator, sample, 0, n, &columns), SBI_OK);
    return truth;
}

/* Simpson's rule over all six variables of the densities themselves: independent of the quadrature and of the product
 * form that the simulator uses. */
static double simpson_weight(int i, int n)
{
    return i == 0 || i == n ? 1.0 : i % 2 ? 4.0 : 2.0;
}

START_TEST(densities_integrate_to_one_by_a_full_product_rule)
{
    /* Exact in the decay angles (polynomials) and nearly so in phi (periodic). cos theta* sets the error: the pole of
     * the qq density lies at 1.07, so that 16 intervals would be 2 per cent off, 64 are 3e-4 and 96 are 6e-5. */
    static const int intervals[Z] = {48, 2, 2, 96, 8, 32};
    const offshell_truth *truth = offshell_truth_of(simulator);
    double sum[P] = {0.0}, volume = 1.0;
    int index[Z] = {0};

    for (int v = 0; v < Z; v++)
        volume *= (offshell_domain[v][1] - offshell_domain[v][0]) / (v == OFFSHELL_PHI ? intervals[v] : 3.0 * intervals[v]);
    for (;;) {
        double z[Z], density[P], weight = volume;
        int v = 0;

        for (int i = 0; i < Z; i++) {
            z[i] = offshell_domain[i][0] + (offshell_domain[i][1] - offshell_domain[i][0]) * index[i] / intervals[i];
            weight *= i == OFFSHELL_PHI ? 1.0 : simpson_weight(index[i], intervals[i]);
        }
        offshell_truth_density(truth, z, density);
        for (int p = 0; p < P; p++)
            sum[p] += weight * density[p];
        while (v < Z && ++index[v] == intervals[v] + (v != OFFSHELL_PHI))
            index[v++] = 0;
        if (v == Z)
            break;
    }
    for (int p = 0; p < P; p++)
        ck_assert_msg(fabs(sum[p] - 1.0) < 1e-4, "%s: %.8f", offshell_process_name[p], sum[p]);
}
END_TEST

START_TEST(product_terms_are_normalised_to_rounding)
{
    const offshell_truth *t = offshell_truth_of(simulator);

    for (int p = 0; p < P; p++) {
        const double one = offshell_truth_expectation(t, p, -1, NULL);
        ck_assert_msg(fabs(one - 1.0) < 1e-12, "%s: 1 %+.2e", offshell_process_name[p], one - 1.0);
    }
    /* Against closed forms: exp(-4u) on the mass, and the overlap of two jet Gaussians on nearly the whole line. */
    const double mass = 4.0 / (1.0 - exp(-4.0 * 1.9196));
    ck_assert_double_eq_tol(t->shape[OFFSHELL_BT].scale[OFFSHELL_MASS], mass, 1e-10 * mass);
    const double atanh_form = 0.5 * sqrt(0.77) / atanh(sqrt(0.77));
    ck_assert_double_eq_tol(t->shape[OFFSHELL_BT].scale[OFFSHELL_COS_STAR], atanh_form, 1e-10);
    for (int v = OFFSHELL_COS1; v <= OFFSHELL_COS2; v++)
        ck_assert_double_eq_tol(t->shape[OFFSHELL_SL].scale[v], 0.75, 1e-12);
    const double s2 = sqrt(2.0), width = 0.9 * s2;
    const double jet = 0.9 * sqrt(2.0 * acos(-1.0)) * 0.5 * (erf((7.0 - 3.6) / width) + erf(3.6 / width));
    ck_assert_double_eq_tol(t->shape[OFFSHELL_SL].scale[OFFSHELL_JET], 1.0 / jet, 1e-10);
    ck_assert_double_lt(t->interference, 0.0);
    ck_assert_double_eq_tol(t->yield[OFFSHELL_SBI],
                            t->yield[OFFSHELL_S] + t->yield[OFFSHELL_B] + t->interference, 1e-9);
}
END_TEST

START_TEST(reference_sample_gives_unit_mean_ratios)
{
    const offshell_sample sample = {.kind = OFFSHELL_REFERENCE};
    double *ratio[P], *truth, *flat = array(EVENTS);

    for (int p = 0; p < P; p++)
        ratio[p] = array(EVENTS);
    truth = fill_truth(&sample, EVENTS, NULL, ratio);
    for (int p = 0; p < P; p++) {
        assert_mean(ratio[p], EVENTS, 1.0, offshell_process_name[p]);
        for (size_t i = 0; i < EVENTS; i++)
            ck_assert(ratio[p][i] > 0.0 && ratio[p][i] <= 4.0 + 1e-12);
    }
    /* Importance sampling of a known density, flat in the two decay cosines: int q dz = 1 = E_ref[q / p_ref]. */
    for (size_t i = 0; i < EVENTS; i++) {
        double density[P];
        const double *z = truth + i * Z;
        offshell_truth_density(offshell_truth_of(simulator), z, density);
        const double reference = 0.25 * (density[0] + density[1] + density[2] + density[3]);
        const double jet = exp(-0.5 * (z[5] - 3.3) * (z[5] - 3.3) / 0.49) / (0.7 * sqrt(2.0 * acos(-1.0)));
        flat[i] = jet * 4.0 * exp(-4.0 * z[0]) / (1.0 - exp(-4.0 * 1.9196)) / (8.0 * 2.0 * acos(-1.0)) / reference;
    }
    assert_mean(flat, EVENTS, 1.0, "importance-sampled known density");
    for (int p = 0; p < P; p++)
        free(ratio[p]);
    free(truth);
    free(flat);
}
END_TEST

/* Upper limit of chi2 with n degrees of freedom at p = 1e-6 (Wilson and Hilferty). */
static double chi2_limit(int n)
{
    const double a = 2.0 / (9.0 * n), q = 1.0 - a + 4.753 * sqrt(a);

    return n * q * q * q;
}

enum { BINS = 40 };

/* Expected bin contents of one variable under p_p, from the nodes of the quadrature: bins are whole panels. */
static void marginal(int process, int v, double expected[], int bins)
{
    const offshell_truth *t = offshell_truth_of(simulator);

    for (int b = 0; b < bins; b++) {
        double inside[OFFSHELL_TERMS] = {0.0};
        for (int i = b * OFFSHELL_NODES / bins; i < (b + 1) * OFFSHELL_NODES / bins; i++)
            for (int c = 0; c < OFFSHELL_TERMS; c++)
                inside[c] += t->weight[v][i] * t->factor[c][v][i];
        expected[b] = offshell_truth_expectation(t, process, v, inside);
    }
}

static double chi2_of(const double *truth, size_t n, int v, const double expected[], int bins, int *degrees)
{
    double counts[BINS] = {0.0}, chi2 = 0.0, tail_count = 0.0, tail = 0.0;

    for (size_t i = 0; i < n; i++) {
        const double low = offshell_domain[v][0], high = offshell_domain[v][1];
        int b = (int)(bins * (truth[i * Z + (size_t)v] - low) / (high - low));
        counts[b < bins ? b : bins - 1] += 1.0;
    }
    *degrees = -1;
    for (int b = 0; b < bins; b++) {
        const double e = expected[b] * (double)n;
        if (e < 10.0) {    /* sparse bins are pooled */
            tail += e;
            tail_count += counts[b];
            continue;
        }
        chi2 += (counts[b] - e) * (counts[b] - e) / e;
        ++*degrees;
    }
    if (tail > 10.0) {
        chi2 += (tail_count - tail) * (tail_count - tail) / tail;
        ++*degrees;
    }
    return chi2;
}

START_TEST(samples_follow_their_densities)
{
    for (int p = 0; p < P; p++) {
        const offshell_sample sample = {.kind = OFFSHELL_PROCESS, .process = p};
        double *truth = fill_truth(&sample, EVENTS, NULL, NULL);

        for (int v = 0; v < Z; v++) {
            double expected[BINS];
            int degrees;

            marginal(p, v, expected, 32);
            const double chi2 = chi2_of(truth, EVENTS, v, expected, 32, &degrees);
            ck_assert_msg(chi2 < chi2_limit(degrees), "%s %s: chi2 %.1f / %d", offshell_process_name[p],
                          offshell_truth_name[v], chi2, degrees);
        }
        free(truth);
    }
}
END_TEST

START_TEST(samples_have_the_right_correlations)
{
    /* E_p[f] from the sample of p against E_ref[r_p f] for f = r_q: all six variables at once. */
    const offshell_sample reference = {.kind = OFFSHELL_REFERENCE};
    double *ratio[P], *own[P], *product = array(EVENTS);

    for (int p = 0; p < P; p++) {
        ratio[p] = array(EVENTS);
        own[p] = array(EVENTS);
    }
    free(fill_truth(&reference, EVENTS, NULL, ratio));
    for (int p = 0; p < P; p++) {
        const offshell_sample sample = {.kind = OFFSHELL_PROCESS, .process = p};
        free(fill_truth(&sample, EVENTS, NULL, own));
        for (int q = 0; q < P; q++) {
            for (size_t i = 0; i < EVENTS; i++)
                product[i] = ratio[p][i] * ratio[q][i];
            const mean a = mean_of(own[q], EVENTS), b = mean_of(product, EVENTS);
            ck_assert_msg(fabs(a.value - b.value) < 5.0 * hypot(a.error, b.error), "E_%s[r_%s]: %.5f, %.5f",
                          offshell_process_name[p], offshell_process_name[q], a.value, b.value);
        }
    }
    for (int p = 0; p < P; p++) {
        free(ratio[p]);
        free(own[p]);
    }
    free(product);
}
END_TEST

START_TEST(variation_ratios_have_unit_mean_and_are_bounded)
{
    enum { N = 50000 };
    double *hi = array(N), *lo = array(N);
    int acting = 0;

    for (int p = 0; p < P; p++) {
        const offshell_sample sample = {.kind = OFFSHELL_PROCESS, .process = p, .number = 1};
        double *truth = fill_truth(&sample, N, NULL, NULL);

        for (int k = 0; k < offshell_nuisance_count(simulator); k++) {
            const offshell_nuisance *n = offshell_nuisance_of(simulator, k);
            ck_assert_int_eq(offshell_variation_ratios(simulator, p, k, truth, N, hi, lo), SBI_OK);
            for (size_t i = 0; i < N; i++) {
                ck_assert(hi[i] > 0.5 && hi[i] < 2.0 && lo[i] > 0.5 && lo[i] < 2.0);
                ck_assert(hi[i] <= offshell_nuisance_bound(n, p, 1) && lo[i] <= offshell_nuisance_bound(n, p, -1));
            }
            assert_mean(hi, N, 1.0, n->name);
            assert_mean(lo, N, 1.0, n->name);
            if (offshell_nuisance_acts(n, p)) {
                ck_assert_double_gt(mean_of(hi, N).error, 0.0);
                acting++;
            }
        }
        free(truth);
    }
    ck_assert_int_gt(acting, 30);
    free(hi);
    free(lo);
}
END_TEST

START_TEST(partition_is_one_at_unit_shifts)
{
    /* A fresh array for each point: gcc 12.2 at -O1 and -O2 loses a reset of alpha[k] at the end of the inner loop. */
    for (int k = 0; k < 24; k++)
        for (int direction = -1; direction <= 1; direction += 2) {
            double alpha[24] = {0.0};
            offshell_point *point;

            alpha[k] = direction;
            ck_assert_int_eq(offshell_point_create(&point, simulator, 1.0, alpha), SBI_OK);
            for (int p = 0; p < P; p++)
                ck_assert_double_eq_tol(offshell_point_partition(point, p), 1.0, 1e-12);
            offshell_point_destroy(point);
        }
}
END_TEST

/* A general point, |alpha| below and above one. */
static offshell_point *general_point(double mu)
{
    double alpha[24];
    offshell_point *point;

    for (int k = 0; k < 24; k++)
        alpha[k] = k % 5 == 4 ? 0.0 : 1.6 * sin(1.7 * k + 0.4);
    ck_assert_int_eq(offshell_point_create(&point, simulator, mu, alpha), SBI_OK);
    return point;
}

START_TEST(partition_agrees_with_the_process_samples)
{
    offshell_point *point = general_point(1.0);
    double alpha[24], *product = array(EVENTS);
    int moved = 0;

    for (int k = 0; k < 24; k++)
        alpha[k] = k % 5 == 4 ? 0.0 : 1.6 * sin(1.7 * k + 0.4);
    for (int p = 0; p < P; p++) {
        const offshell_sample sample = {.kind = OFFSHELL_PROCESS, .process = p, .number = 2};
        double *truth = fill_truth(&sample, EVENTS, NULL, NULL);

        for (size_t i = 0; i < EVENTS; i++) {
            product[i] = 1.0;
            for (int k = 0; k < 24; k++) {
                double hi, lo;
                ck_assert_int_eq(offshell_variation_ratios(simulator, p, k, truth + i * Z, 1, &hi, &lo), SBI_OK);
                product[i] *= offshell_code4(alpha[k], hi, lo);
            }
        }
        moved += fabs(offshell_point_partition(point, p) - 1.0) > 1e-4;
        assert_mean(product, EVENTS, offshell_point_partition(point, p), offshell_process_name[p]);
        free(truth);
    }
    ck_assert_int_gt(moved, 0);
    offshell_point_destroy(point);
    free(product);
}
END_TEST

START_TEST(code4_is_smooth_and_hits_its_anchors)
{
    static const double values[][2] = {{1.1, 0.92}, {0.7, 1.5}, {1.02, 1.01}};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const double u = values[i][0], d = values[i][1], e = 1e-4;
        ck_assert_double_eq_tol(offshell_code4(1.0, u, d), u, 1e-15);
        ck_assert_double_eq_tol(offshell_code4(-1.0, u, d), d, 1e-15);
        ck_assert_double_eq(offshell_code4(0.0, u, d), 1.0);
        ck_assert_double_eq_tol(offshell_code4(1.0 - 1e-12, u, d), u, 1e-11);
        for (int sign = -1; sign <= 1; sign += 2) {
            const double a = offshell_code4(sign - e, u, d), b = offshell_code4(sign, u, d);
            const double c = offshell_code4(sign + e, u, d), log_side = sign > 0 ? log(u) : -log(d);
            ck_assert_double_eq_tol((c - a) / (2 * e), b * log_side, 1e-6);
            ck_assert_double_eq_tol((c - 2 * b + a) / (e * e), b * log_side * log_side, 1e-3);
        }
    }
}
END_TEST

START_TEST(varied_samples_by_weight_and_by_rejection_agree)
{
    enum { N = 2 * EVENTS };    /* enough to see that each of the four moves its variable */

    for (int k = 0; k < 4; k++)
        for (int direction = -1; direction <= 1; direction += 2) {
            const int p = k == 2 ? OFFSHELL_NI : OFFSHELL_SBI, v = offshell_nuisance_of(simulator, k)->variable;
            offshell_sample sample = {.kind = OFFSHELL_VARIATION, .process = p, .nuisance = k, .direction = direction};
            double *rejected = fill_truth(&sample, N, NULL, NULL), *weight = array(N), expected[BINS];
            double nominal[BINS], changed = 0.0;
            const offshell_truth *t = offshell_truth_of(simulator);
            int degrees;

            for (int b = 0; b < 32; b++) {    /* exact content of each bin of the varied density */
                double inside[OFFSHELL_TERMS] = {0.0};
                for (int i = b * OFFSHELL_NODES / 32; i < (b + 1) * OFFSHELL_NODES / 32; i++) {
                    double hi, lo;
                    offshell_nuisance_ratio(offshell_nuisance_of(simulator, k), p, t->node[v][i], &hi, &lo);
                    for (int c = 0; c < OFFSHELL_TERMS; c++)
                        inside[c] += (direction > 0 ? hi : lo) * t->weight[v][i] * t->factor[c][v][i];
                }
                expected[b] = offshell_truth_expectation(t, p, v, inside);
            }
            const double chi2 = chi2_of(rejected, N, v, expected, 32, &degrees);
            ck_assert_msg(chi2 < chi2_limit(degrees), "nuisance %d %+d: chi2 %.1f / %d", k, direction, chi2, degrees);
            marginal(p, v, nominal, 32);
            changed = chi2_of(rejected, N, v, nominal, 32, &degrees);
            ck_assert_msg(changed > chi2_limit(degrees), "nuisance %d %+d moves nothing: %.1f", k, direction, changed);

            sample.kind = OFFSHELL_VARIATION_WEIGHTED;
            double *weighted = fill_truth(&sample, N, weight, NULL), moment = 0.0, one = 0.0, square = 0.0;
            assert_mean(weight, N, 1.0, "weights of a variation");
            for (size_t i = 0; i < N; i++) {
                one += rejected[i * Z + (size_t)v] / N;
                moment += weight[i] * weighted[i * Z + (size_t)v] / N;
            }
            for (size_t i = 0; i < N; i++)
                square += pow(rejected[i * Z + (size_t)v] - one, 2.0) / N;
            ck_assert_double_eq_tol(one, moment, 5.0 * 1.6 * sqrt(square / N));
            free(rejected);
            free(weighted);
            free(weight);
        }
}
END_TEST

START_TEST(mixing_inverts_and_hides_the_truth)
{
    const offshell_sample sample = {.kind = OFFSHELL_REFERENCE};
    const offshell_mixing *mixing = offshell_mixing_of(simulator);
    offshell_stream stream = offshell_stream_open(7, 7);
    enum { N = 20000 };
    float *features = malloc(N * X * sizeof *features);
    double *truth = array(N * Z), *back = array(N * Z), worst = 0.0, worst_float = 0.0, linear = 0.0;
    const offshell_columns columns = {.features = features, .truth = truth};

    ck_assert_ptr_nonnull(features);
    ck_assert_int_eq(offshell_fill(simulator, &sample, 0, N, &columns), SBI_OK);
    offshell_truth_from_features(simulator, features, N, back);
    for (size_t i = 0; i < N; i++) {
        double noise[OFFSHELL_NOISE_DIM], z[Z], noise_back[OFFSHELL_NOISE_DIM], x[X], mirror[X], noise_mirror[6], z2[Z];

        for (int j = 0; j < OFFSHELL_NOISE_DIM; j += 2)
            offshell_normal_pair(&stream, noise + j);
        offshell_mixing_forward(mixing, truth + i * Z, noise, x);
        offshell_mixing_inverse(mixing, x, z, noise_back);
        for (int v = 0; v < Z; v++) {
            worst = fmax(worst, fabs(z[v] - truth[i * Z + (size_t)v]));
            worst = fmax(worst, fabs(noise_back[v] - noise[v]));
            worst_float = fmax(worst_float, fabs(back[i * Z + (size_t)v] - truth[i * Z + (size_t)v]));
        }
        /* A linear map has f(z, n) + f(c - z, -n) constant: see how far from it this one is. */
        for (int v = 0; v < Z; v++) {
            z2[v] = offshell_domain[v][0] + offshell_domain[v][1] - truth[i * Z + (size_t)v];
            noise_mirror[v] = -noise[v];
        }
        offshell_mixing_forward(mixing, z2, noise_mirror, mirror);
        linear = fmax(linear, i ? fabs(x[0] + mirror[0] - noise_back[0] + noise[0]) : 0.0);
    }
    ck_assert_msg(worst < 1e-12, "double: %.2e", worst);
    ck_assert_msg(worst_float < 2e-5, "float features: %.2e", worst_float);
    ck_assert_double_gt(linear, 0.5);
    free(features);
    free(truth);
    free(back);
}
END_TEST

START_TEST(events_depend_on_their_index_alone)
{
    enum { N = 3000, FIRST = 1234, COUNT = 321 };
    offshell_point *point = general_point(2.5);
    offshell_simulator *twin;
    offshell_options options = OFFSHELL_OPTIONS_INIT;
    offshell_sample samples[] = {{.kind = OFFSHELL_PROCESS, .process = OFFSHELL_SBI},
                                 {.kind = OFFSHELL_VARIATION, .process = OFFSHELL_B, .nuisance = 1, .direction = -1},
                                 {.kind = OFFSHELL_REFERENCE, .number = 5},
                                 {.kind = OFFSHELL_OBSERVED, .point = point},
                                 {.kind = OFFSHELL_ASIMOV, .point = point, .total = N}};
    static float all[N * X], part[COUNT * X], other[N * X];
    static double weight[N], weight_part[COUNT];

    options.nuisances = 24;
    ck_assert_int_eq(offshell_create(&twin, &options), SBI_OK);
    for (size_t s = 0; s < sizeof samples / sizeof samples[0]; s++) {
        const offshell_columns whole = {.features = all, .weight = weight};
        const offshell_columns range = {.features = part, .weight = weight_part};
        const offshell_columns features = {.features = other};

        ck_assert_int_eq(offshell_fill(simulator, &samples[s], 0, N, &whole), SBI_OK);
        ck_assert_int_eq(offshell_fill(twin, &samples[s], FIRST, COUNT, &range), SBI_OK);
        ck_assert_mem_eq(part, all + FIRST * X, sizeof part);
        ck_assert_mem_eq(weight_part, weight + FIRST, sizeof weight_part);
        samples[s].number++;    /* another repetition is another sample */
        ck_assert_int_eq(offshell_fill(simulator, &samples[s], 0, N, &features), SBI_OK);
        ck_assert_mem_ne(other, all, sizeof all);
    }
    offshell_point_destroy(point);
    offshell_destroy(twin);
}
END_TEST

START_TEST(observed_events_follow_the_point)
{
    /* At mu > 1 with every kind of shift: negative box coefficient, morphs, rejection. E over the sample of
     * r_q, against E_ref[(lambda / p_ref) r_q] / nu. */
    static const double mus[] = {0.0, 0.3, 1.0, 2.5};

    for (size_t m = 0; m < sizeof mus / sizeof mus[0]; m++) {
        offshell_point *point = general_point(mus[m]);
        const double total = offshell_point_total(point);
        const offshell_sample sample = {.kind = OFFSHELL_OBSERVED, .point = point};
        const offshell_sample asimov = {.kind = OFFSHELL_ASIMOV, .point = point, .total = EVENTS, .number = 3};
        double *ratio[P], *expected[P], *weight = array(EVENTS), *intensity = array(EVENTS);

        for (int p = 0; p < P; p++) {
            ratio[p] = array(EVENTS);
            expected[p] = array(EVENTS);
        }
        free(fill_truth(&sample, EVENTS, NULL, ratio));
        double *truth = fill_truth(&asimov, EVENTS, weight, expected);
        offshell_intensity(simulator, point, truth, EVENTS, intensity);
        for (size_t i = 0; i < EVENTS; i++) {
            ck_assert_double_eq_tol(weight[i] * EVENTS, intensity[i], 1e-9 * fabs(intensity[i]));
            ck_assert_double_gt(intensity[i], 0.0);
        }
        assert_mean(intensity, EVENTS, total, "sum of Asimov weights");
        for (int q = 0; q < P; q++) {
            for (size_t i = 0; i < EVENTS; i++)
                expected[q][i] *= intensity[i] / total;
            const mean a = mean_of(ratio[q], EVENTS), b = mean_of(expected[q], EVENTS);
            ck_assert_msg(fabs(a.value - b.value) < 5.0 * hypot(a.error, b.error), "mu %.1f, r_%s: %.5f, %.5f", mus[m],
                          offshell_process_name[q], a.value, b.value);
        }
        for (int p = 0; p < P; p++) {
            free(ratio[p]);
            free(expected[p]);
        }
        free(weight);
        free(intensity);
        free(truth);
        offshell_point_destroy(point);
    }
}
END_TEST

START_TEST(rewriting_equals_the_squared_amplitude)
{
    /* At alpha = 0 and at a unit shift of one nuisance of gg, lambda is one varied |sqrt(mu) A_S + A_B|^2. */
    double alpha[24] = {0.0}, *ratio[P];
    const offshell_sample sample = {.kind = OFFSHELL_REFERENCE, .number = 9};
    enum { N = 2000 };

    for (int p = 0; p < P; p++)
        ratio[p] = array(N);
    double *truth = fill_truth(&sample, N, NULL, ratio), intensity[N];
    const double *nu = offshell_truth_of(simulator)->yield;
    for (int shifted = 0; shifted < 2; shifted++) {
        offshell_point *point;
        const double s = sqrt(1.9);

        alpha[1] = shifted;
        ck_assert_int_eq(offshell_point_create(&point, simulator, 1.9, alpha), SBI_OK);
        offshell_intensity(simulator, point, truth, N, intensity);
        for (size_t i = 0; i < N; i++) {
            const double signal = nu[OFFSHELL_S] * ratio[OFFSHELL_S][i], box = nu[OFFSHELL_B] * ratio[OFFSHELL_B][i];
            const double cross = nu[OFFSHELL_SBI] * ratio[OFFSHELL_SBI][i] - signal - box;
            const offshell_nuisance *n = offshell_nuisance_of(simulator, 1);
            double hi, lo, norm_hi, norm_lo;

            offshell_nuisance_ratio(n, OFFSHELL_S, truth[i * Z], &hi, &lo);
            offshell_nuisance_norm(n, OFFSHELL_S, &norm_hi, &norm_lo);
            const double gg = (s * s * signal + s * cross + box) * (shifted ? hi * norm_hi : 1.0);
            const double expected = gg + nu[OFFSHELL_NI] * ratio[OFFSHELL_NI][i];
            ck_assert_double_gt(gg, 0.0);
            ck_assert_double_eq_tol(intensity[i], expected, 1e-9 * expected);
        }
        offshell_point_destroy(point);
    }
    for (int p = 0; p < P; p++)
        free(ratio[p]);
    free(truth);
}
END_TEST

START_TEST(poisson_counts_have_the_mean_and_variance_of_the_point)
{
    enum { TOYS = 2000 };
    offshell_point *point = general_point(1.0);
    const double total = offshell_point_total(point);
    double count[TOYS], square[TOYS];

    for (uint64_t i = 0; i < TOYS; i++) {
        count[i] = (double)offshell_observed_count(simulator, point, i);
        square[i] = (count[i] - total) * (count[i] - total);
    }
    assert_mean(count, TOYS, total, "events of a toy");
    assert_mean(square, TOYS, total, "variance of the events of a toy");
    offshell_point_destroy(point);
}
END_TEST

START_TEST(curve_has_two_minima)
{
    offshell_point *point;
    double *ratio[P], *weight = array(EVENTS), t[301], mu[301], barrier = 0.0;
    const double *columns[P];
    offshell_minimum minimum[OFFSHELL_MINIMA_MAX];
    int count;

    ck_assert_int_eq(offshell_point_create(&point, simulator, 1.0, NULL), SBI_OK);
    const offshell_sample sample = {.kind = OFFSHELL_ASIMOV, .point = point, .total = EVENTS};
    for (int p = 0; p < P; p++)
        columns[p] = ratio[p] = array(EVENTS);
    free(fill_truth(&sample, EVENTS, weight, ratio));
    ck_assert_int_eq(offshell_minima(simulator, columns, weight, EVENTS, 3.0, minimum, &count), SBI_OK);
    ck_assert_int_eq(count, 2);
    ck_assert_double_eq_tol(minimum[0].mu, 1.0, 0.05);
    ck_assert(minimum[1].mu > 0.01 && minimum[1].mu < 0.2);

    for (int i = 0; i < 301; i++)
        mu[i] = 3.0 * i / 300;
    ck_assert_int_eq(offshell_curve(simulator, columns, weight, EVENTS, 3.0, mu, 301, t), SBI_OK);
    for (int i = 0; i < 301; i++) {
        ck_assert_double_ge(t[i], 0.0);
        if (mu[i] > minimum[1].mu && mu[i] < minimum[0].mu)
            barrier = fmax(barrier, t[i]);
    }
    /* The dip is real: the curve stands at least one unit above the secondary minimum on both of its sides. */
    const double second = 2.0 * (minimum[1].nll - minimum[0].nll);
    ck_assert_msg(second < 4.0 && barrier > second + 1.0 && t[0] > second + 1.0, "%.2f %.2f %.2f", second, barrier, t[0]);

    /* NLL is stationary at the minima: differences against the function, not the derivative it uses. */
    for (int i = 0; i < 2; i++) {
        const double at[3] = {minimum[i].mu * 0.98, minimum[i].mu, minimum[i].mu * 1.02};
        double nll[3];
        ck_assert_int_eq(offshell_nll(simulator, columns, weight, EVENTS, at, 3, nll), SBI_OK);
        ck_assert(nll[0] > nll[1] && nll[2] > nll[1]);
        ck_assert_double_eq_tol(nll[1], minimum[i].nll, 1e-9);
    }
    for (int p = 0; p < P; p++)
        free(ratio[p]);
    free(weight);
    offshell_point_destroy(point);
}
END_TEST

START_TEST(bad_arguments_are_refused)
{
    offshell_options options = OFFSHELL_OPTIONS_INIT;
    offshell_simulator *none = simulator;
    offshell_point *point;
    double nan_alpha[24] = {NAN};
    const offshell_columns columns = {.features = NULL};
    offshell_sample sample = {.kind = OFFSHELL_VARIATION, .process = 0, .nuisance = 24, .direction = 1};

    options.nuisances = 201;
    ck_assert_int_eq(offshell_create(&none, &options), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(none);
    options.nuisances = 200;
    ck_assert_int_eq(offshell_create(&none, &options), SBI_OK);
    offshell_destroy(none);
    options.yield_s = NAN;
    ck_assert_int_eq(offshell_create(&none, &options), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(offshell_point_create(&point, simulator, -1.0, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(offshell_point_create(&point, simulator, 1.0, nan_alpha), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(point);
    ck_assert_int_eq(offshell_fill(simulator, &sample, 0, 1, &columns), SBI_ERR_ARGUMENT);
    sample.nuisance = 0;
    sample.direction = 0;
    ck_assert_int_eq(offshell_fill(simulator, &sample, 0, 1, &columns), SBI_ERR_ARGUMENT);
    sample.kind = OFFSHELL_OBSERVED;
    ck_assert_int_eq(offshell_fill(simulator, &sample, 0, 1, &columns), SBI_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offshell_truth");
    TCase *cases = tcase_create("simulator");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, densities_integrate_to_one_by_a_full_product_rule);
    tcase_add_test(cases, product_terms_are_normalised_to_rounding);
    tcase_add_test(cases, reference_sample_gives_unit_mean_ratios);
    tcase_add_test(cases, samples_follow_their_densities);
    tcase_add_test(cases, samples_have_the_right_correlations);
    tcase_add_test(cases, variation_ratios_have_unit_mean_and_are_bounded);
    tcase_add_test(cases, partition_is_one_at_unit_shifts);
    tcase_add_test(cases, partition_agrees_with_the_process_samples);
    tcase_add_test(cases, code4_is_smooth_and_hits_its_anchors);
    tcase_add_test(cases, varied_samples_by_weight_and_by_rejection_agree);
    tcase_add_test(cases, mixing_inverts_and_hides_the_truth);
    tcase_add_test(cases, events_depend_on_their_index_alone);
    tcase_add_test(cases, observed_events_follow_the_point);
    tcase_add_test(cases, rewriting_equals_the_squared_amplitude);
    tcase_add_test(cases, poisson_counts_have_the_mean_and_variance_of_the_point);
    tcase_add_test(cases, curve_has_two_minima);
    tcase_add_test(cases, bad_arguments_are_refused);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
