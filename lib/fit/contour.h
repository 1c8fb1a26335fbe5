/* SPDX-License-Identifier: Apache-2.0 */
/* The lattice that a contour is followed on. */
#ifndef SBI_FIT_CONTOUR_H
#define SBI_FIT_CONTOUR_H

#include "fit/crossing.h"

/* Lines of the lattice in each parameter, and nodes that are filled in when they are asked for. Around it lies a ring of nodes that
 * are outside by definition, at the coordinates of the outermost lines: that is how curves run along bounds. */
typedef struct sbi_lattice {
    sbi_profile_line line;
    size_t n[2];              /* lines, the ring left out */
    double *lines[2];         /* [n] */
    int32_t low_kind[2], high_kind[2]; /* what the outermost lines are: SBI_END_LIMIT, SBI_END_OF_RANGE */
    sbi_profile_node *nodes;  /* [n0, n1] */
    double **params;          /* [n0, n1], the others there; NULL: not evaluated */
    int32_t n_failed;
} sbi_lattice;

/* Lines that cut each interval of the two sets into `cells`, with the seeds on lines of their own. */
sbi_status sbi_lattice_create(sbi_lattice *l, sbi_fit *fit, const size_t *held, double level, double rise, sbi_confidence_set *const *sets,
                              size_t cells, const sbi_confidence_seeds *seeds);
void sbi_lattice_destroy(sbi_lattice *l);

/* Node (i, j) with 1 <= i <= n[0] for true ones, 0 and n + 1 the ring. */
sbi_status sbi_lattice_node(sbi_lattice *l, size_t i, size_t j, const sbi_profile_node **out);

#endif
