/* SPDX-License-Identifier: Apache-2.0 */
/* Events as JSON lines. The journal is what counts: each line carries the number of its event there, so that a later client finds what is
 * missing, or too much, and makes the file whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/campaign_internal.h"

#define BLOCK 65536
#define BUFFER (1 << 20) /* bytes of lines that are written at once */

/* ---- a line ---------------------------------------------------------------------------------------------------- */

/* Length of the UTF-8 character at s, 0 if there is none. */
static size_t utf8(const unsigned char *s)
{
    if (s[0] < 0x80) return 1;
    const size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* longer than need be */
    if (s[0] == 0xed && s[1] > 0x9f) return 0; /* half of a pair */
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
    return n;
}

static void add_string(sbi_text *out, const char *name, const char *text)
{
    if (!text[0]) return;
    sbi_text_addf(out, ",\"%s\":\"", name);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const size_t n = utf8(c);
        if (*c == '"' || *c == '\\')
            sbi_text_addf(out, "\\%c", *c);
        else if (*c < 32)
            sbi_text_addf(out, "\\u%04x", *c);
        else
            sbi_text_add(out, n ? (const char *)c : "?", n ? n : 1);
        c += n ? n : 1;
    }
    sbi_text_add(out, "\"", 1);
}

/* Six decimals, whatever the host's locale. */
static void add_number(sbi_text *out, const char *name, double value)
{
    if (!(value > 0)) return;
    const uint64_t us = (uint64_t)(value * 1e6 + 0.5);
    sbi_text_addf(out, ",\"%s\":%llu.%06llu", name, (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
}

static void add_integer(sbi_text *out, const char *name, uint64_t value)
{
    if (value) sbi_text_addf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void add_line(sbi_text *out, const sbi_campaign_event *e)
{
    sbi_text_addf(out, ",\"time_ms\":%lld,\"event\":\"%s\",\"key\":\"%s\"", (long long)e->time, sbi_campaign_event_name(e->kind), e->key);
    add_string(out, "stage", e->stage);
    sbi_text_addf(out, ",\"attempt\":%d,\"state\":\"%s\"", (int)e->attempt, sbi_task_state_name(e->state));
    add_string(out, "host", e->host);
    add_number(out, "progress", e->progress);
    add_number(out, "seconds", e->seconds);
    add_number(out, "cpu_seconds", e->cpu_seconds);
    add_integer(out, "peak_memory", e->peak_memory);
    add_number(out, "cpus", e->cpus);
    add_number(out, "gpus", e->gpus);
    add_integer(out, "memory", e->memory);
    add_string(out, "message", e->message);
    sbi_text_add(out, "}\n", 2);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Half a line that a full disk leaves is cut off again, or, if not even that works, by the next client. */
static sbi_status write_out(sbi_campaign_lines *l)
{
    size_t done = 0;
    while (done < l->buffer.size) {
        const ssize_t n = pwrite(l->fd, l->buffer.data + done, l->buffer.size - done, (off_t)(l->size + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int error = n < 0 ? errno : EIO;
            if (ftruncate(l->fd, (off_t)l->size)) error = errno;
            l->buffer.size = 0;
            return sbi_fail_errno(error, "%s", l->path);
        }
        done += (size_t)n;
    }
    l->size += l->buffer.size;
    l->buffer.size = 0;
    return SBI_OK;
}

sbi_status sbi_campaign_lines_write(sbi_campaign *c)
{
    sbi_campaign_lines *l = &c->lines;
    if (l->fd < 0) return SBI_OK;
    size_t next = l->written;
    while (next < c->n_events) {
        sbi_campaign_event e = {.struct_size = (uint32_t)sizeof e};
        SBI_TRY(sbi_campaign_event_get(c, next, &e));
        sbi_text_addf(&l->buffer, "{\"seq\":%zu", next++);
        add_line(&l->buffer, &e);
        if (l->buffer.status != SBI_OK) {
            sbi_text_clear(&l->buffer);
            return SBI_ERR_NO_MEMORY;
        }
        if (l->buffer.size < BUFFER && next < c->n_events) continue;
        SBI_TRY(write_out(l));
        l->written = next;
    }
    return SBI_OK;
}

sbi_status sbi_campaign_lines_progress(sbi_campaign *c, const sbi_campaign_event *event)
{
    sbi_campaign_lines *l = &c->lines;
    if (l->fd < 0) return SBI_OK;
    sbi_text_addf(&l->buffer, "{\"seq\":null");
    add_line(&l->buffer, event);
    if (l->buffer.status == SBI_OK) return write_out(l);
    sbi_text_clear(&l->buffer);
    return SBI_ERR_NO_MEMORY;
}

/* ---- what is there --------------------------------------------------------------------------------------------- */

/* Only the beginning of a line counts: {"seq":N,"time_ms":T, of the event that is next, or of no event. */
static int line_fits(const sbi_campaign *c, const char *line, size_t *next)
{
    static const char null_line[] = "{\"seq\":null,";
    if (strncmp(line, null_line, sizeof null_line - 1) == 0) return 1;
    char expected[80];
    if (*next >= c->n_events) return 0;
    snprintf(expected, sizeof expected, "{\"seq\":%zu,\"time_ms\":%lld,", *next, (long long)c->events[*next].time);
    if (strncmp(line, expected, strlen(expected)) != 0) return 0;
    (*next)++;
    return 1;
}

typedef struct scan {
    char head[80]; /* of the line that is being read */
    size_t in_head, next;
    uint64_t begin; /* of that line */
    int bad;
} scan;

static void scan_byte(const sbi_campaign *c, scan *s, char byte, uint64_t offset)
{
    if (byte != '\n') {
        if (s->in_head < sizeof s->head - 1) s->head[s->in_head++] = byte;
        return;
    }
    s->head[s->in_head] = '\0';
    s->in_head = 0;
    s->bad = !line_fits(c, s->head, &s->next);
    if (!s->bad) s->begin = offset + 1;
}

static sbi_status scan_file(const sbi_campaign *c, scan *s, uint64_t *size)
{
    const sbi_campaign_lines *l = &c->lines;
    char *block = sbi_alloc(c->ctx, BLOCK);
    if (!block) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (*size = 0;;) {
        const ssize_t n = pread(l->fd, block, BLOCK, (off_t)*size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) status = sbi_fail_errno(errno, "%s", l->path);
        if (n <= 0) break;
        for (ssize_t i = 0; i < n && !s->bad; i++) scan_byte(c, s, block[i], *size + (uint64_t)i);
        *size += (uint64_t)n;
    }
    sbi_free(c->ctx, block);
    return status;
}

/* Lines of events that the journal does not know, after a power failure, and half a line, after a kill, are cut off. A file that does not
 * begin as this campaign's would is somebody else's. */
static sbi_status make_whole(sbi_campaign *c)
{
    sbi_campaign_lines *l = &c->lines;
    scan s = {.bad = 0};
    uint64_t size;
    SBI_TRY(scan_file(c, &s, &size));
    if (s.bad && s.begin == 0) return sbi_fail(SBI_ERR_EXISTS, "%s: this is not the file of events of this campaign", l->path);
    if (s.begin < size) {
        sbi_log(c->ctx, SBI_LOG_WARNING, "%s: %llu bytes that do not belong to whole events are dropped", l->path,
                (unsigned long long)(size - s.begin));
        if (ftruncate(l->fd, (off_t)s.begin)) return sbi_fail_errno(errno, "%s", l->path);
    }
    l->size = s.begin;
    l->written = s.next;
    return SBI_OK;
}

sbi_status sbi_campaign_lines_open(sbi_campaign *c)
{
    sbi_campaign_lines *l = &c->lines;
    if (!l->path || l->fd >= 0) return SBI_OK;
    l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (l->fd < 0) return sbi_fail_errno(errno, "%s", l->path);
    sbi_status status = make_whole(c);
    if (status == SBI_OK) return SBI_OK;
    close(l->fd);
    l->fd = -1;
    return status;
}

void sbi_campaign_lines_close(sbi_campaign *c)
{
    if (c->lines.fd >= 0) close(c->lines.fd);
    c->lines.fd = -1;
    sbi_text_clear(&c->lines.buffer);
    sbi_free(c->ctx, c->lines.path);
    c->lines.path = NULL;
}
