/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <string.h>

#include "base/memory.h"

/* FNV-1a. */
static uint64_t hash(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)key; *c; c++) h = (h ^ *c) * 0x100000001b3u;
    return h ^ (h >> 32);
}

void sbi_table_init(sbi_table *table, sbi_context *ctx)
{
    memset(table, 0, sizeof *table);
    table->ctx = ctx;
}

size_t sbi_table_find(const sbi_table *table, const char *key)
{
    if (!table->capacity) return SBI_TABLE_NONE;
    size_t mask = table->capacity - 1;
    for (size_t i = hash(key) & mask; table->slots[i].key; i = (i + 1) & mask) {
        if (strcmp(table->slots[i].key, key) == 0) return table->slots[i].value;
    }
    return SBI_TABLE_NONE;
}

static void place(struct sbi_table_slot *slots, size_t capacity, const char *key, size_t value)
{
    size_t i = hash(key) & (capacity - 1);
    while (slots[i].key) i = (i + 1) & (capacity - 1);
    slots[i].key = key;
    slots[i].value = value;
}

sbi_status sbi_table_insert(sbi_table *table, const char *key, size_t value)
{
    if (2 * (table->used + 1) > table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        struct sbi_table_slot *slots = sbi_alloc_zero(table->ctx, capacity, sizeof *slots);
        if (!slots) return SBI_ERR_NO_MEMORY;
        for (size_t i = 0; i < table->capacity; i++) {
            if (table->slots[i].key) place(slots, capacity, table->slots[i].key, table->slots[i].value);
        }
        sbi_free(table->ctx, table->slots);
        table->slots = slots;
        table->capacity = capacity;
    }
    place(table->slots, table->capacity, key, value);
    table->used++;
    return SBI_OK;
}

void sbi_table_free(sbi_table *table)
{
    sbi_free(table->ctx, table->slots);
    sbi_table_init(table, table->ctx);
}
