/* SPDX-License-Identifier: Apache-2.0 */
/* Rungs, brackets, who goes on, and the order of the leaderboard. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "jobs/search.h"

/* floor(R / eta^j) from R down to min_epochs, in rising order. */
static void list_rungs(sbi_search *s)
{
    const sbi_search_options *o = &s->options;
    int32_t falling[SBI_SEARCH_MOST_RUNGS], n = 0;
    double epochs = s->base.epochs;
    falling[n++] = s->base.epochs;
    while (o->strategy != SBI_SEARCH_FULL && n < SBI_SEARCH_MOST_RUNGS) {
        epochs /= o->reduction;
        const int32_t next = (int32_t)floor(epochs * (1 + 1e-12)); /* 27 / 3 / 3 is 3 */
        if (next < o->min_epochs || next >= falling[n - 1]) break;
        falling[n++] = next;
    }
    for (int32_t j = 0; j < n; j++) s->rungs[j] = falling[n - 1 - j];
    s->n_rungs = n;
}

sbi_status sbi_search_make_rungs(sbi_search *s)
{
    const sbi_search_options *o = &s->options;
    list_rungs(s);
    if (o->strategy != SBI_SEARCH_HYPERBAND) {
        if (o->method == SBI_SEARCH_RANDOM) s->n = (size_t)o->trials;
        s->brackets[0] = (sbi_search_bracket){0, s->n, 0, 0};
        s->n_brackets = 1;
        return SBI_OK;
    }
    /* Bracket s of algorithm 1 begins s rungs below the top with ceil((s_max + 1) eta^s / (s + 1)) trials. */
    s->n = 0;
    s->n_brackets = s->n_rungs;
    for (int32_t b = 0; b < s->n_brackets; b++) {
        const int32_t below = s->n_rungs - 1 - b;
        const double n = ceil(s->n_rungs * pow(o->reduction, below) / (below + 1) * (1 - 1e-12));
        SBI_REQUIRE(n <= SBI_SEARCH_MOST_TRIALS, "search: hyperband from %d to %d epochs would need %g trials", (int)s->rungs[0],
                    (int)s->base.epochs, n);
        s->brackets[b] = (sbi_search_bracket){s->n, (size_t)n, b, 0};
        s->n += (size_t)n;
    }
    return SBI_OK;
}

size_t sbi_search_quota(const sbi_search *s, const sbi_search_bracket *b, int32_t k)
{
    const double n = floor((double)b->n / pow(s->options.reduction, k) * (1 + 1e-12));
    return n < 1 ? 1 : (size_t)n;
}

void sbi_search_judge(const sbi_search *s, sbi_search_one *one)
{
    double sum = 0, squares = 0;
    size_t n = 0;
    for (size_t m = 0; m < s->members; m++) {
        const sbi_search_member *member = &one->members[m];
        if (member->diverged_epoch) continue;
        sum += one->options.folds ? member->held_out_loss : member->validation_loss;
        n++;
    }
    one->loss = n ? sum / (double)n : NAN;
    for (size_t m = 0; m < s->members; m++) {
        const sbi_search_member *member = &one->members[m];
        if (member->diverged_epoch) continue;
        const double off = (one->options.folds ? member->held_out_loss : member->validation_loss) - one->loss;
        squares += off * off;
    }
    one->spread = n > 1 ? sqrt(squares / (double)(n - 1)) : n ? 0 : NAN;
    one->score = one->loss + s->options.sigmas * one->spread;
    if (n < s->members) one->state = SBI_TRIAL_DIVERGED;
}

/* ---- order ---- */

static int group_of(const sbi_search_one *one)
{
    switch (one->state) {
    case SBI_TRIAL_DIVERGED: return 1;
    case SBI_TRIAL_FAILED: return 2;
    case SBI_TRIAL_INVALID: return 3;
    default: return 0;
    }
}

/* Losses after different numbers of epochs are not compared: who was trained longer comes first. */
static int compare(const void *a, const void *b)
{
    const sbi_search_one *x = *(const sbi_search_one *const *)a, *y = *(const sbi_search_one *const *)b;
    if (group_of(x) != group_of(y)) return group_of(x) - group_of(y);
    if (x->epochs != y->epochs) return x->epochs > y->epochs ? -1 : 1;
    if (x->score < y->score) return -1;
    if (x->score > y->score) return 1;
    return x < y ? -1 : x > y; /* all are in one array */
}

sbi_status sbi_search_promote(sbi_search *s, const sbi_search_bracket *b, int32_t k)
{
    const sbi_search_one **list = sbi_alloc_array(s->ctx, b->n, sizeof *list);
    if (!list) return SBI_ERR_NO_MEMORY;
    size_t n = 0;
    for (size_t i = b->first; i < b->first + b->n; i++)
        if (s->trials[i].state == SBI_TRIAL_PLANNED) list[n++] = &s->trials[i];
    qsort(list, n, sizeof *list, compare);
    const int last = b->rung + k == s->n_rungs - 1;
    const size_t quota = last ? n : sbi_search_quota(s, b, k + 1);
    for (size_t i = 0; i < n; i++) {
        sbi_search_one *one = &s->trials[list[i] - s->trials];
        if (last) one->state = SBI_TRIAL_DONE;
        else if (i >= quota) one->state = SBI_TRIAL_STOPPED;
    }
    sbi_free(s->ctx, list);
    return SBI_OK;
}

void sbi_search_rank(sbi_search *s)
{
    for (size_t i = 0; i < s->n; i++) s->order[i] = &s->trials[i];
    qsort(s->order, s->n, sizeof *s->order, compare);
    for (size_t i = 0; i < s->n; i++) s->trials[s->order[i] - s->trials].rank = (int32_t)i;
}
