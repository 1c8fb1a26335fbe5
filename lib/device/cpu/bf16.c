/* SPDX-License-Identifier: Apache-2.0 */
/* Layers whose products take operands rounded to bf16 and sum in f32, by the BLAS that the process has loaded. Parameters, gradients and
 * all else stay f32. Tiles are those of f32, each computed in one thread, so that bits do not depend on the number of threads. */
#include <string.h>

#include "base/blas.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "device/cpu/cpu.h"

#define BLOCK 16384

typedef struct round_job {
    const sbi_cpu *cpu;
    uint16_t *out;
    const float *x;
    int64_t n;
} round_job;

static sbi_status round_block(void *arg, size_t index)
{
    const round_job *j = arg;
    const int64_t first = (int64_t)index * BLOCK, n = j->n - first < BLOCK ? j->n - first : BLOCK;
    j->cpu->kernels->round_bf16(j->out + first, j->x + first, n);
    return SBI_OK;
}

sbi_status sbi_cpu_copy_half(sbi_cpu *cpu, sbi_cpu_operand operand, const float *x, int64_t n, const uint16_t **out)
{
    *out = NULL;
    if (!cpu->bf16) return SBI_OK;
    sbi_cpu_half *half = &cpu->half[operand];
    if (half->size < (size_t)n) {
        sbi_free(cpu->ctx, half->memory);
        half->size = 0;
        if (!(half->memory = sbi_alloc_array(cpu->ctx, (size_t)n, sizeof *half->memory))) return SBI_ERR_NO_MEMORY;
        half->size = (size_t)n;
    }
    *out = half->memory;
    round_job job = {cpu, half->memory, x, n};
    return sbi_parallel_for(cpu->ctx, (size_t)((n + BLOCK - 1) / BLOCK), round_block, &job);
}

void sbi_cpu_multiply(const sbi_cpu *cpu, const sbi_cpu_tile *t, const uint16_t *a, const uint16_t *b, float *scratch)
{
    if (!a) {
        cpu->kernels->gemm_tile(t, scratch);
        return;
    }
    const sbi_blas_bf16_product p = {
        .transpose_a = t->transpose_a,
        .transpose_b = t->transpose_b,
        .m = t->m,
        .n = t->n,
        .k = t->k,
        .a = a,
        .b = b,
        .c = t->c,
        .lda = t->lda,
        .ldb = t->ldb,
        .ldc = t->ldc,
        .beta = t->beta,
    };
    sbi_blas_bf16_multiply(&p);
    if (t->finish) t->finish(t->finish_argument, 0, t->n);
}

/* ---- opening ---- */

static int option_is(const char *text, size_t length, const char *option)
{
    return length == strlen(option) && memcmp(text, option, length) == 0;
}

/* "?key=value&key=value" */
static sbi_status read_options(const char *text, int *bf16, int *emulated)
{
    *bf16 = *emulated = 0;
    while (*text) { /* at '?' or '&' */
        const size_t length = strcspn(++text, "&");
        if (option_is(text, length, "precision=bf16") || option_is(text, length, "precision=f32")) {
            *bf16 = text[length - 1] == '6';
        } else if (option_is(text, length, "emulated=1") || option_is(text, length, "emulated=0")) {
            *emulated = text[length - 1] == '1';
        } else {
            return sbi_fail(SBI_ERR_ARGUMENT, "device cpu: option \"%.*s\": expected precision=f32, precision=bf16 or emulated=1",
                            (int)length, text);
        }
        text += length;
    }
    return SBI_OK;
}

static sbi_status check_bf16(sbi_context *ctx, int emulated)
{
    const char *function = sbi_blas_bf16_name(), *processor = sbi_blas_bf16_processor();
    if (!function)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "device cpu: precision bf16: the BLAS of this process has neither cblas_gemm_bf16bf16f32 (MKL) "
                                             "nor cblas_sbgemm (OpenBLAS)");
    if (!processor && !emulated)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "device cpu: precision bf16: the processor has neither AMX nor AVX-512 BF16, and f32 is faster");
    sbi_log(ctx, SBI_LOG_INFO, "device cpu: products in bf16 by %s, %s", function, processor ? processor : "emulated");
    return SBI_OK;
}

sbi_status sbi_device_cpu_open_with(const sbi_device_ops **ops, void **self, sbi_context *ctx, const char *options)
{
    int bf16 = 0, emulated = 0;
    SBI_TRY(read_options(options, &bf16, &emulated));
    if (bf16) SBI_TRY(check_bf16(ctx, emulated));
    SBI_TRY(sbi_device_cpu_open(ops, self, ctx));
    if (bf16) sbi_cpu_set_bf16(ops, *self);
    return SBI_OK;
}
