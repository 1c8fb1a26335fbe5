/* SPDX-License-Identifier: Apache-2.0 */
/* What earlier clients left. Each put the list of a batch's keys into the store before it asked PanDA, and the number of PanDA's task after that. So a batch
 * without a number either never came to be, or the client died before it could note it: its name tells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/panda.h"

#define PREFIX "arrays/" PANDA_ARRAY_PREFIX
#define NUMBER_LARGEST 4096

static sbi_status add_bytes(void *user, const void *data, size_t size)
{
    sbi_text *t = user;
    sbi_text_add(t, data, size);
    return t->status;
}

static sbi_status read_object(panda *p, const char *name, sbi_text *out)
{
    sbi_sink sink = {(uint32_t)sizeof sink, 0, add_bytes, out};
    return sbi_store_get(p->store, name, 0, 0, &sink);
}

/* ---- lists of keys --------------------------------------------------------------------------------------------- */

static sbi_status see_array(void *user, const char *name, const sbi_store_info *info)
{
    panda *p = user;
    (void)info;
    const char *own = name + strlen("arrays/");
    if (strlen(own) >= PANDA_NAME_SIZE) return SBI_OK;
    panda_array *grown = sbi_alloc_next(p->ctx, p->arrays, p->n_arrays, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    p->arrays = grown;
    grown[p->n_arrays] = (panda_array){.size = 0};
    snprintf(grown[p->n_arrays++].name, PANDA_NAME_SIZE, "%s", own);
    return SBI_OK;
}

/* Lines become texts of their own. */
static sbi_status read_keys(panda *p, panda_array *a)
{
    char name[128];
    sbi_text text;
    snprintf(name, sizeof name, "arrays/%s", a->name);
    sbi_text_init(&text, p->ctx);
    sbi_status status = read_object(p, name, &text);
    if (status != SBI_OK) {
        sbi_text_clear(&text);
        return status;
    }
    size_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        length = text.data[i] == '\n' ? 0 : length + 1;
        if (length > SBI_TASK_KEY_MAX) {
            sbi_text_clear(&text);
            return sbi_fail(SBI_ERR_FORMAT, "%s/%s: is no list of keys", sbi_store_url(p->store), name);
        }
        if (text.data[i] == '\n') text.data[i] = '\0';
    }
    a->text = text.data;
    a->size = text.size;
    return SBI_OK;
}

static sbi_status list_arrays(panda *p)
{
    if (p->listed) return SBI_OK;
    for (size_t i = 0; i < p->n_arrays; i++) sbi_free(p->ctx, p->arrays[i].text);
    p->n_arrays = 0;
    SBI_TRY(sbi_store_list(p->store, PREFIX, see_array, p));
    for (size_t i = 0; i < p->n_arrays; i++) {
        sbi_status status = read_keys(p, &p->arrays[i]);
        if (status == SBI_ERR_FORMAT || status == SBI_ERR_NOT_FOUND) {
            sbi_log(p->ctx, SBI_LOG_WARNING, "PanDA: a list of keys is left alone: %s", sbi_last_error());
            p->arrays[i].loaded = 1;
            status = SBI_OK;
        }
        SBI_TRY(status);
    }
    p->listed = 1;
    return SBI_OK;
}

/* ---- numbers of tasks ------------------------------------------------------------------------------------------ */

static void number_name(const char *batch, char *name, size_t size)
{
    snprintf(name, size, "panda/%s.json", batch);
}

sbi_status panda_remember(panda *p, const char *name, int64_t id)
{
    char object[128], text[64];
    number_name(name, object, sizeof object);
    const int n = snprintf(text, sizeof text, "{\"jediTaskID\":%lld}", (long long)id);
    return sbi_store_put_bytes(p->store, object, text, (size_t)n, 0);
}

/* 0: PanDA has no such task. */
static sbi_status find_number(panda *p, const char *name, int64_t *id)
{
    char object[128];
    sbi_text text;
    json_t *json = NULL;
    *id = 0;
    number_name(name, object, sizeof object);
    sbi_text_init(&text, p->ctx);
    sbi_status status = read_object(p, object, &text);
    if (status == SBI_OK && text.size < NUMBER_LARGEST) status = sbi_json_parse(&json, text.data ? text.data : "", text.size, object);
    sbi_text_clear(&text);
    if (status == SBI_OK) panda_number(json_object_get(json, "jediTaskID"), id);
    json_decref(json);
    if (*id || (status != SBI_OK && status != SBI_ERR_NOT_FOUND && status != SBI_ERR_FORMAT)) return status;
    char *full = panda_task_name(p->ctx, &p->o, name);
    status = full ? panda_find_task(&p->api, full, id) : SBI_ERR_NO_MEMORY;
    sbi_free(p->ctx, full);
    if (status == SBI_OK && *id) status = panda_remember(p, name, *id);
    return status;
}

/* ---- adopting -------------------------------------------------------------------------------------------------- */

static sbi_status load(panda *p, panda_array *a)
{
    int64_t id;
    panda_batch *batch;
    size_t n = 0;
    if (panda_find_batch(p, a->name)) {
        a->loaded = 1;
        return SBI_OK;
    }
    SBI_TRY(find_number(p, a->name, &id));
    a->loaded = 1;
    if (!id) return SBI_OK;
    const char **keys = sbi_alloc_array(p->ctx, a->size + 1, sizeof *keys);
    if (!keys) return SBI_ERR_NO_MEMORY;
    for (size_t at = 0; at < a->size; at += strlen(a->text + at) + 1) keys[n++] = a->text + at;
    const int32_t attempt = (int32_t)strtol(a->name + strlen(PANDA_ARRAY_PREFIX), NULL, 10);
    sbi_status status = panda_add_batch(p, a->name, id, attempt, keys, n, &batch);
    sbi_free(p->ctx, keys);
    if (status != SBI_OK) a->loaded = 0;
    return status;
}

static int has_any(const panda_array *a, const sbi_table *wanted)
{
    for (size_t at = 0; at < a->size; at += strlen(a->text + at) + 1) {
        if (sbi_table_find(wanted, a->text + at) != SBI_TABLE_NONE) return 1;
    }
    return 0;
}

sbi_status panda_adopt(panda *p, const sbi_task *tasks, size_t n)
{
    sbi_table wanted;
    size_t before = p->n_batches;
    SBI_TRY(list_arrays(p));
    sbi_table_init(&wanted, p->ctx);
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        if (!panda_lookup(p, tasks[i].key) && sbi_table_find(&wanted, tasks[i].key) == SBI_TABLE_NONE) status = sbi_table_insert(&wanted, tasks[i].key, i);
    }
    for (size_t i = 0; i < p->n_arrays && wanted.used && status == SBI_OK; i++) {
        if (!p->arrays[i].loaded && has_any(&p->arrays[i], &wanted)) status = load(p, &p->arrays[i]);
    }
    sbi_table_free(&wanted);
    /* What ended meanwhile is known before anything is started anew. */
    return status == SBI_OK && p->n_batches > before ? panda_ask(p) : status;
}
