/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the truth: yields, and the exact curve t_mu of an Asimov dataset at mu = 1 with its minima. */
#include <stdio.h>
#include <stdlib.h>

#include "curve.h"

enum { EVENTS = 200000, POINTS = 21 };
static const double MU_MAX = 2.0;

static sbi_status print_truth(const offshell_simulator *simulator, const offshell_point *point, double *memory)
{
    const offshell_sample sample = {.kind = OFFSHELL_ASIMOV, .point = point, .total = EVENTS};
    offshell_columns columns = {.weight = memory};
    const double *ratio[OFFSHELL_PROCESSES];
    offshell_minimum minimum[OFFSHELL_MINIMA_MAX];
    double mu[POINTS], t[POINTS];
    int minima = 0;

    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        ratio[p] = columns.ratio[p] = memory + (size_t)(p + 1) * EVENTS;
    for (int i = 0; i < POINTS; i++)
        mu[i] = MU_MAX * i / (POINTS - 1);
    sbi_status status = offshell_fill(simulator, &sample, 0, EVENTS, &columns);
    if (status == SBI_OK)
        status = offshell_minima(simulator, ratio, columns.weight, EVENTS, MU_MAX, minimum, &minima);
    if (status == SBI_OK)
        status = offshell_curve(simulator, ratio, columns.weight, EVENTS, MU_MAX, mu, POINTS, t);
    if (status != SBI_OK)
        return status;

    for (int p = 0; p < OFFSHELL_PROCESSES; p++)
        printf("yield %-4s %9.2f\n", offshell_process_name[p], offshell_truth_of(simulator)->yield[p]);
    for (int i = 0; i < minima; i++)
        printf("minimum at mu = %.4f, t = %.3f\n", minimum[i].mu, 2.0 * (minimum[i].nll - minimum[0].nll));
    for (int i = 0; i < POINTS; i++)
        printf("%5.2f %9.4f\n", mu[i], t[i]);
    return SBI_OK;
}

int main(void)
{
    offshell_simulator *simulator = NULL;
    offshell_point *point = NULL;
    double *memory = malloc((OFFSHELL_PROCESSES + 1) * EVENTS * sizeof *memory);
    sbi_status status = memory ? offshell_create(&simulator, NULL) : SBI_ERR_NO_MEMORY;

    if (status == SBI_OK)
        status = offshell_point_create(&point, simulator, 1.0, NULL);
    if (status == SBI_OK)
        status = print_truth(simulator, point, memory);
    if (status != SBI_OK)
        fprintf(stderr, "offshell_higgs: status %d\n", (int)status);
    offshell_point_destroy(point);
    offshell_destroy(simulator);
    free(memory);
    return status == SBI_OK && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
