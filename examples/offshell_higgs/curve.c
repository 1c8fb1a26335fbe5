/* SPDX-License-Identifier: Apache-2.0 */
#include "curve.h"

#include <math.h>

enum { SCAN = 128 };

typedef struct dataset {
    const double *yield, *const *ratio, *weight;
    size_t events;
} dataset;

static int complete(const offshell_simulator *s, const double *const ratio[OFFSHELL_PROCESSES], size_t events)
{
    if (!s || !ratio)
        return 0;
    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        if (!ratio[p] && events > 0)
            return 0;
    return 1;
}

/* NLL and its derivative in s. The sums are compensated (Neumaier): a curve is a small difference of large numbers. */
static double nll_at(const dataset *d, double s, double *slope)
{
    const double *nu = d->yield;
    const double cross = nu[OFFSHELL_SBI] - nu[OFFSHELL_S] - nu[OFFSHELL_B];
    double sum = 0.0, lost = 0.0, gradient = 0.0;

    for (size_t i = 0; i < d->events; i++) {
        const double signal = nu[OFFSHELL_S] * d->ratio[OFFSHELL_S][i], box = nu[OFFSHELL_B] * d->ratio[OFFSHELL_B][i];
        const double linear = nu[OFFSHELL_SBI] * d->ratio[OFFSHELL_SBI][i] - signal - box;
        const double lambda = s * (s * signal + linear) + box + nu[OFFSHELL_NI] * d->ratio[OFFSHELL_NI][i];
        const double w = d->weight ? d->weight[i] : 1.0;

        if (w == 0.0)
            continue;
        if (!(lambda > 0.0)) {
            *slope = 0.0;
            return HUGE_VAL;
        }
        const double term = -w * log(lambda), next = sum + term;
        lost += fabs(sum) >= fabs(term) ? (sum - next) + term : (term - next) + sum;
        sum = next;
        gradient -= w * (2.0 * s * signal + linear) / lambda;
    }
    *slope = gradient + 2.0 * s * nu[OFFSHELL_S] + cross;
    return sum + lost + s * (s * nu[OFFSHELL_S] + cross) + nu[OFFSHELL_B] + nu[OFFSHELL_NI];
}

sbi_status offshell_nll(const offshell_simulator *simulator, const double *const ratio[OFFSHELL_PROCESSES],
                        const double *weight, size_t events, const double *mu, size_t count, double *nll)
{
    if (!complete(simulator, ratio, events) || !mu || !nll)
        return SBI_ERR_ARGUMENT;
    const dataset d = {offshell_truth_of(simulator)->yield, ratio, weight, events};
    for (size_t i = 0; i < count; i++) {
        double slope;
        if (!(mu[i] >= 0.0))
            return SBI_ERR_ARGUMENT;
        nll[i] = nll_at(&d, sqrt(mu[i]), &slope);
    }
    return SBI_OK;
}

/* Bisection on the derivative, negative at `low` and not at `high`. */
static double find_root(const dataset *d, double low, double high)
{
    double slope;

    while (high - low > 1e-10) {
        const double middle = 0.5 * (low + high);
        nll_at(d, middle, &slope);
        if (slope < 0.0)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

static void insert(offshell_minimum *minimum, int *count, double s, double nll)
{
    int at = *count < OFFSHELL_MINIMA_MAX ? (*count)++ : OFFSHELL_MINIMA_MAX - 1;

    for (; at > 0 && minimum[at - 1].nll > nll; at--)
        minimum[at] = minimum[at - 1];
    minimum[at] = (offshell_minimum){s * s, nll};
}

sbi_status offshell_minima(const offshell_simulator *simulator, const double *const ratio[OFFSHELL_PROCESSES],
                           const double *weight, size_t events, double mu_max,
                           offshell_minimum minimum[OFFSHELL_MINIMA_MAX], int *count)
{
    if (!complete(simulator, ratio, events) || !(mu_max > 0.0 && mu_max < HUGE_VAL) || !minimum || !count)
        return SBI_ERR_ARGUMENT;
    const dataset d = {offshell_truth_of(simulator)->yield, ratio, weight, events};
    const double end = sqrt(mu_max);
    double slope, before, nll = nll_at(&d, 0.0, &before);

    *count = 0;
    if (before >= 0.0)
        insert(minimum, count, 0.0, nll);
    for (int i = 1; i <= SCAN; i++, before = slope) {
        const double s = end * i / SCAN;
        nll = nll_at(&d, s, &slope);
        if (before < 0.0 && slope >= 0.0 && nll < HUGE_VAL) {
            double unused;
            const double root = find_root(&d, end * (i - 1) / SCAN, s);
            insert(minimum, count, root, nll_at(&d, root, &unused));
        }
    }
    if (before < 0.0)
        insert(minimum, count, end, nll);
    return SBI_OK;
}

sbi_status offshell_curve(const offshell_simulator *simulator, const double *const ratio[OFFSHELL_PROCESSES],
                          const double *weight, size_t events, double mu_max, const double *mu, size_t count,
                          double *t)
{
    offshell_minimum minimum[OFFSHELL_MINIMA_MAX];
    int minima;
    sbi_status status = offshell_minima(simulator, ratio, weight, events, mu_max, minimum, &minima);

    if (status != SBI_OK)
        return status;
    status = offshell_nll(simulator, ratio, weight, events, mu, count, t);
    for (size_t i = 0; status == SBI_OK && i < count; i++)
        t[i] = 2.0 * (t[i] - minimum[0].nll);
    return status;
}
