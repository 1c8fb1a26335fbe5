/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to numbers. */
#ifndef SBI_BASE_TABLE_H
#define SBI_BASE_TABLE_H

#include "sbi/context.h"

#define SBI_TABLE_NONE SIZE_MAX

/* Open addressing; the keys are borrowed and must outlive the table. */
typedef struct sbi_table {
    sbi_context *ctx;
    struct sbi_table_slot {
        const char *key;
        size_t value;
    } *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t used;
} sbi_table;

void sbi_table_init(sbi_table *table, sbi_context *ctx);
/* SBI_TABLE_NONE if the key is not there. */
size_t sbi_table_find(const sbi_table *table, const char *key);
/* The key must not be there yet. */
sbi_status sbi_table_insert(sbi_table *table, const char *key, size_t value);
void sbi_table_free(sbi_table *table);

#endif
