/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an object from its replicas, in the server's order, those found damaged last.
 *
 * A whole object of up to HELD bytes is held until its adler32 is known to be right, so that damage in one replica is passed over unseen. A larger one streams:
 * a replica that breaks off is followed by the next at the same byte, and if in the end the sum is wrong, its replicas are remembered as damaged and the call
 * ends with SBI_ERR_CHECKSUM; the next call takes others. Nobody can check a range by itself. */
#include <string.h>

#include "base/adler32.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/rucio.h"

#define HELD ((uint64_t)32 << 20)

/* ---- what is known of replicas --------------------------------------------------------------------------------- */

static int suspected(rucio *r, const char *pfn)
{
    int found = 0;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < RUCIO_SUSPECTS && !found; i++) found = r->suspects[i] && strcmp(r->suspects[i], pfn) == 0;
    pthread_mutex_unlock(&r->lock);
    return found;
}

/* Without memory it stays unknown, no more. */
static void suspect(rucio *r, const char *pfn)
{
    if (suspected(r, pfn)) return;
    char *copy = sbi_strdup(r->ctx, pfn);
    if (!copy) return;
    pthread_mutex_lock(&r->lock);
    char **place = &r->suspects[r->suspect_next++ % RUCIO_SUSPECTS];
    sbi_free(r->ctx, *place);
    *place = copy;
    pthread_mutex_unlock(&r->lock);
}

/* ---- the registered bytes of an object ------------------------------------------------------------------------- */

static sbi_status is_member(rucio *r, const char *object, const char *file)
{
    sbi_http_answer a;
    int member = 0;
    char *path = rucio_did_path(r, file, "/parents");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = rucio_send(r, "GET", path, NULL, &a);
    if (status == SBI_OK) status = grid_rucio_read_parents(&member, a.body.data, a.body.size, r->scope, r->dataset, path);
    if (status == SBI_OK && !member) status = sbi_fail(SBI_ERR_NOT_FOUND, "rucio://%s/%s: %s: there is no such object", r->scope, r->dataset, object);
    sbi_http_answer_clear(&a);
    sbi_free(r->ctx, path);
    return status;
}

sbi_status rucio_lookup(rucio *r, const char *object, const char *file, grid_rucio_file *out)
{
    sbi_http_answer a;
    if (object) SBI_TRY(is_member(r, object, file));
    char *path = rucio_did_path(r, file, "/meta");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = rucio_send(r, "GET", path, NULL, &a);
    if (status == SBI_OK) status = grid_rucio_read_meta(out, a.body.data, a.body.size, path);
    sbi_http_answer_clear(&a);
    sbi_free(r->ctx, path);
    return status;
}

static sbi_status list_schemes(json_t *list, const char *schemes)
{
    while (*schemes) {
        const size_t n = strcspn(schemes, ",");
        if (n && json_array_append_new(list, json_stringn(schemes, n))) return sbi_fail(SBI_ERR_NO_MEMORY, "rucio: out of memory");
        schemes += n + (schemes[n] == ',');
    }
    return SBI_OK;
}

static sbi_status find_replicas(rucio *r, const char *object, const char *file, grid_rucio_replicas *out)
{
    sbi_http_answer a = {0};
    sbi_text body;
    sbi_text_init(&body, r->ctx);
    SBI_TRY(is_member(r, object, file));
    json_t *ask = json_pack("{s:[{s:s, s:s}], s:[]}", "dids", "scope", r->scope, "name", file, "schemes");
    sbi_status status = ask ? list_schemes(json_object_get(ask, "schemes"), r->schemes) : sbi_fail(SBI_ERR_NO_MEMORY, "rucio: out of memory");
    if (status == SBI_OK) status = sbi_json_canonical(&body, ask);
    json_decref(ask);
    if (status == SBI_OK) {
        status = rucio_send(r, "POST", "/replicas/list", body.data, &a);
        if (status == SBI_OK) status = grid_rucio_read_replicas(out, a.body.data, a.body.size, r->scope, file, "/replicas/list");
        if (status == SBI_OK && (!out->found || !out->count))
            status = sbi_fail(SBI_ERR_TRANSIENT, "%s:%s: no replica is available over %s", r->scope, file, r->schemes);
        sbi_http_answer_clear(&a);
    }
    sbi_text_clear(&body);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct reading {
    sbi_sink *to; /* NULL: hold */
    sbi_text held;
    uint64_t at;  /* of the object */
    uint32_t adler;
    int sink_failed;
} reading;

static sbi_status take(void *user, const void *data, size_t size)
{
    reading *g = user;
    g->adler = sbi_adler32(g->adler, data, size);
    g->at += size;
    if (!g->to) {
        sbi_text_add(&g->held, data, size);
        g->sink_failed = g->held.status != SBI_OK;
        return g->held.status;
    }
    const sbi_status status = g->to->write(g->to->user, data, size);
    g->sink_failed = status != SBI_OK;
    return status;
}

/* From where the reading is to `end`. */
static sbi_status read_replica(rucio *r, const char *pfn, reading *g, uint64_t end)
{
    sbi_http_answer a;
    sbi_sink sink = {sizeof sink, 0, take, g};
    char *url = rucio_storage_url(r->ctx, pfn);
    if (!url) return SBI_ERR_NO_MEMORY;
    sbi_http_request q = {.method = "GET", .url = url, .sink = &sink, .offset = g->at, .length = end - g->at};
    sbi_status status = sbi_http_send(r->storage, &q, &a);
    if (status == SBI_OK && (a.code < 200 || a.code >= 300)) {
        status = sbi_http_status(&a, pfn);
        if (a.code == 416) status = SBI_ERR_CHECKSUM; /* shorter than registered */
    }
    if (status == SBI_OK && g->at != end)
        status = sbi_fail(SBI_ERR_CHECKSUM, "%s: ends after %llu bytes, expected %llu", pfn, (unsigned long long)g->at, (unsigned long long)end);
    sbi_http_answer_clear(&a);
    sbi_free(r->ctx, url);
    return status;
}

/* Statuses with which the next replica makes no difference. */
static int final(const reading *g, sbi_status status)
{
    return g->sink_failed || status == SBI_ERR_CANCELLED || status == SBI_ERR_NO_MEMORY;
}

typedef struct order {
    const grid_rucio_replicas *replicas;
    int *bad; /* this call's opinion of each */
} order;

static sbi_status check_sum(const reading *g, const grid_rucio_file *file, const char *pfn)
{
    if (!file->has_adler32 || g->adler == file->adler32) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: has adler32 %08x, registered is %08x", pfn, (unsigned)g->adler, (unsigned)file->adler32);
}

static void begin(reading *g, uint64_t offset)
{
    sbi_text_clear(&g->held);
    g->at = offset;
    g->adler = SBI_ADLER32_INIT;
}

/* `pass` 0: replicas without suspicion, 1: the others. */
static sbi_status try_all(rucio *r, const order *o, int pass, reading *g, uint64_t offset, uint64_t end, sbi_status last)
{
    const grid_rucio_file *file = &o->replicas->file;
    const int whole = offset == 0 && end == file->size;
    for (size_t i = 0; i < o->replicas->count; i++) {
        const char *pfn = o->replicas->items[i].pfn;
        if (o->bad[i] != pass) continue;
        if (!g->to) begin(g, offset);
        sbi_status status = read_replica(r, pfn, g, end);
        const int finished = status == SBI_OK;
        if (finished && whole) status = check_sum(g, file, pfn);
        if (status == SBI_ERR_CHECKSUM) suspect(r, pfn);
        if (status == SBI_OK || final(g, status)) return status;
        sbi_log(r->ctx, SBI_LOG_WARNING, "%s: %s", pfn, sbi_last_error());
        last = status;
        if (finished && g->to) { /* the sink has it all; whoever gave a part of it may be the one */
            for (size_t k = 0; k <= i; k++)
                if (o->bad[k] == pass) suspect(r, o->replicas->items[k].pfn);
            return status;
        }
    }
    return last;
}

static sbi_status read_from(rucio *r, const grid_rucio_replicas *replicas, reading *g, uint64_t offset, uint64_t end)
{
    order o = {replicas, sbi_alloc_array(r->ctx, replicas->count, sizeof *o.bad)};
    if (!o.bad) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < replicas->count; i++) o.bad[i] = suspected(r, replicas->items[i].pfn);
    begin(g, offset);
    sbi_status status = try_all(r, &o, 0, g, offset, end, SBI_ERR_TRANSIENT);
    const int streamed = g->to && g->at == end && status == SBI_ERR_CHECKSUM;
    if (status != SBI_OK && !final(g, status) && !streamed) status = try_all(r, &o, 1, g, offset, end, status);
    sbi_free(r->ctx, o.bad);
    return status;
}

sbi_status rucio_get(rucio *r, const char *object, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    char name[GRID_RUCIO_NAME_MAX];
    SBI_TRY(grid_rucio_name(name, r->before, object));
    grid_rucio_replicas replicas = {.ctx = r->ctx};
    sbi_status status = find_replicas(r, object, name, &replicas);
    const uint64_t size = replicas.file.size;
    if (status == SBI_OK && (offset > size || length > size - offset))
        status = sbi_fail(SBI_ERR_ARGUMENT, "rucio://%s/%s: %s: bytes [%llu, %llu) of %llu were asked for", r->scope, r->dataset, object,
                          (unsigned long long)offset, (unsigned long long)(offset + length), (unsigned long long)size);
    const uint64_t end = length ? offset + length : size;
    if (status == SBI_OK && end > offset) {
        reading g = {.to = offset == 0 && end == size && size <= HELD ? NULL : sink};
        sbi_text_init(&g.held, r->ctx);
        status = read_from(r, &replicas, &g, offset, end);
        if (status == SBI_OK && !g.to) status = sink->write(sink->user, g.held.data, g.held.size);
        sbi_text_clear(&g.held);
    }
    grid_rucio_replicas_clear(&replicas);
    return status;
}
