/* SPDX-License-Identifier: Apache-2.0 */
/* The right operand of a product, packed once for all tiles that read it. */
#include "base/pool.h"
#include "device/cpu/cpu.h"

/* Larger ones are packed by each tile, a piece at a time: floats, 64 MB. */
#define MOST (INT64_C(1) << 24)
/* Columns packed by one task, and values below which it is not worth to share the work. */
#define GROUP (5 * SBI_CPU_PANEL)
#define FEW 32768
/* Rows as short as this are read where they are. */
#define SHORT_ROW 64

static int64_t count_of(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

typedef struct pack_job {
    const sbi_cpu *cpu;
    const sbi_cpu_tile *whole;
    float *to;
    int64_t groups;
} pack_job;

static sbi_status pack_group(void *arg, size_t index)
{
    const pack_job *j = arg;
    const int64_t k = (int64_t)index / j->groups * SBI_CPU_TILE_DEPTH, first = (int64_t)index % j->groups * GROUP;
    sbi_cpu_tile part = *j->whole;
    part.b += part.transpose_b ? first * part.ldb : first;
    part.n = part.n - first < GROUP ? part.n - first : GROUP;
    j->cpu->kernels->pack(&part, k, j->to + k * part.ld_panels + first * SBI_CPU_TILE_DEPTH);
    return SBI_OK;
}

sbi_status sbi_cpu_share_panels(sbi_cpu *cpu, sbi_cpu_tile *whole, int64_t tiles, sbi_cpu_scratch **block)
{
    *block = NULL;
    const int64_t depths = count_of(whole->k, SBI_CPU_TILE_DEPTH), width = count_of(whole->n, SBI_CPU_PANEL) * SBI_CPU_PANEL;
    const int64_t size = depths * SBI_CPU_TILE_DEPTH * width;
    if (tiles < 2 || size > MOST || size == 0 || (!whole->transpose_b && whole->ldb <= SHORT_ROW)) return SBI_OK;
    *block = sbi_cpu_scratch_take(cpu, SBI_CPU_PANELS, (size_t)size);
    if (!*block) return SBI_ERR_NO_MEMORY;
    whole->ld_panels = width;
    pack_job job = {cpu, whole, (*block)->memory, count_of(whole->n, GROUP)};
    const size_t tasks = (size_t)(depths * job.groups);
    sbi_status status = SBI_OK;
    if (size > FEW) {
        status = sbi_parallel_for(cpu->ctx, tasks, pack_group, &job);
    } else {
        for (size_t i = 0; i < tasks && status == SBI_OK; i++) status = pack_group(&job, i);
    }
    whole->panels = (*block)->memory;
    return status;
}
