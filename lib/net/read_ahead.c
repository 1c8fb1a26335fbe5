/* SPDX-License-Identifier: Apache-2.0 */
/* Packed events in a file are read where they lie, in the order of the epoch. As long as they stay in memory that costs nothing; once this
 * process had to wait for a disk, the events of the next batch are asked for while the present one is computed. */
#include <sys/resource.h>

#include "net/trainer.h"

#define PAGE 4096
/* Asked for after a wait, before we look again whether it is needed. */
#define BATCHES 64

void sbi_trainer_read_ahead(sbi_trainer *t, const uint32_t *list, int64_t next, int64_t n)
{
    const sbi_scratch *file = &t->pack->file;
    if (!file->data || t->x != t->pack->x) return;
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used)) return;
    if (used.ru_majflt != t->page_faults) t->reading_ahead = BATCHES;
    t->page_faults = used.ru_majflt;
    if (t->reading_ahead == 0) return;
    t->reading_ahead--;
    const size_t row = sizeof(float) * (size_t)t->pack->inputs;
    const int64_t end = n - next < t->options->batch ? n : next + t->options->batch;
    size_t last = (size_t)-1;
    for (int64_t i = next; i < end; i++) {
        const size_t at = row * list[i];
        if ((at + row - 1) / PAGE == last) continue;
        last = (at + row - 1) / PAGE;
        sbi_scratch_will_need(file, at, row);
    }
}
