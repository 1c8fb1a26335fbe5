/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sha256.h"

#define CHECK_DIGITS 16

/* The digest of a line, from that of the line before and the fields; its first digits in hex. */
static void chain(const unsigned char before[32], const char *fields, size_t size, unsigned char digest[32], char check[SBI_SHA256_HEX_SIZE])
{
    sbi_sha256 h;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, before, 32);
    sbi_sha256_update(&h, fields, size);
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, check);
    check[CHECK_DIGITS] = '\0';
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

const char *sbi_journal_next_word(sbi_journal_fields *f)
{
    if (!*f->at) return NULL;
    char *word = f->at;
    f->at += strcspn(f->at, " ");
    if (*f->at) *f->at++ = '\0';
    return word;
}

int sbi_journal_next_u64(sbi_journal_fields *f, uint64_t *value)
{
    const char *word = sbi_journal_next_word(f);
    if (!word || strspn(word, "0123456789") != strlen(word) || !*word) return 0;
    errno = 0;
    *value = strtoull(word, NULL, 10);
    return errno == 0;
}

int sbi_journal_next_i64(sbi_journal_fields *f, int64_t low, int64_t high, int64_t *value)
{
    const char *word = sbi_journal_next_word(f);
    if (!word) return 0;
    const char *digits = word + (*word == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return 0;
    errno = 0;
    *value = strtoll(word, NULL, 10);
    return errno == 0 && *value >= low && *value <= high;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

int sbi_journal_next_bytes(sbi_journal_fields *f, char **data, size_t *size)
{
    char *word = f->at;
    /* An empty field is written as a lone "%", which cannot begin any other. */
    if (!sbi_journal_next_word(f)) return 0;
    *data = word;
    *size = 0;
    if (strcmp(word, "%") == 0) {
        *word = '\0';
        return 1;
    }
    char *out = word;
    for (const char *in = word; *in; in++) {
        if (*in != '%') {
            *out++ = *in;
            continue;
        }
        int high = hex_digit(in[1]);
        int low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0) return 0;
        *out++ = (char)(high << 4 | low);
        in += 2;
    }
    *size = (size_t)(out - word);
    *out = '\0';
    return 1;
}

/* One line without its newline; NUL-terminated in place. */
static sbi_status read_line(sbi_journal *j, char *line, size_t size, sbi_journal_replay replay, void *user)
{
    char check[SBI_SHA256_HEX_SIZE];
    unsigned char digest[32];
    if (size < CHECK_DIGITS + 2 || line[CHECK_DIGITS] != ' ' || memchr(line, '\0', size))
        return sbi_fail(SBI_ERR_FORMAT, "damaged: not a record");
    char *fields = line + CHECK_DIGITS + 1;
    chain(j->digest, fields, size - CHECK_DIGITS - 1, digest, check);
    if (memcmp(check, line, CHECK_DIGITS) != 0)
        return sbi_fail(SBI_ERR_FORMAT, "damaged: its checksum is %.16s, expected %s", line, check);
    memcpy(j->digest, digest, sizeof digest);
    sbi_journal_fields f = {j->ctx, fields};
    return replay(user, &f);
}

static sbi_status read_lines(sbi_journal *j, char *data, size_t size, sbi_journal_replay replay, void *user)
{
    size_t number = 0;
    char *at = data, *end = data + size, *newline;
    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        number++;
        *newline = '\0';
        sbi_status status = read_line(j, at, (size_t)(newline - at), replay, user);
        if (status != SBI_OK) return sbi_fail_within(status, "%s: line %zu", j->path, number);
        at = newline + 1;
    }
    j->size = (uint64_t)(at - data);
    if (at < end)
        sbi_log(j->ctx, SBI_LOG_WARNING, "%s: line %zu was cut off by a crash and is dropped", j->path, number + 1);
    return SBI_OK;
}

static sbi_status read_file(sbi_journal *j, sbi_journal_replay replay, void *user)
{
    void *data = NULL;
    size_t size = 0;
    if (!sbi_path_exists(j->path)) return SBI_OK;
    SBI_TRY(sbi_file_read(j->ctx, j->path, 0, &data, &size));
    sbi_status status = read_lines(j, data, size, replay, user);
    sbi_free(j->ctx, data);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

void sbi_journal_begin(sbi_journal *j, const char *kind)
{
    j->line.size = 0;
    sbi_text_addf(&j->line, "%s", kind);
}

void sbi_journal_add_i64(sbi_journal *j, int64_t value)
{
    sbi_text_addf(&j->line, " %lld", (long long)value);
}

void sbi_journal_add_u64(sbi_journal *j, uint64_t value)
{
    sbi_text_addf(&j->line, " %llu", (unsigned long long)value);
}

void sbi_journal_add_bytes(sbi_journal *j, const void *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    if (!size) {
        sbi_text_addf(&j->line, " %%");
        return;
    }
    sbi_text_add(&j->line, " ", 1);
    for (size_t begin = 0, i = 0; begin < size; begin = i) {
        while (i < size && bytes[i] > ' ' && bytes[i] < 127 && bytes[i] != '%') i++;
        sbi_text_add(&j->line, bytes + begin, i - begin);
        if (i == size) break;
        const char code[3] = {'%', digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        sbi_text_add(&j->line, code, sizeof code);
        i++;
    }
}

void sbi_journal_add_text(sbi_journal *j, const char *text)
{
    sbi_journal_add_bytes(j, text, strlen(text));
}

/* A record that did not fit into memory leaves no trace. */
sbi_status sbi_journal_end(sbi_journal *j)
{
    if (j->line.status != SBI_OK) {
        sbi_text_clear(&j->line);
        return SBI_ERR_NO_MEMORY;
    }
    if (!j->path) return SBI_OK;
    char check[SBI_SHA256_HEX_SIZE];
    unsigned char digest[32];
    chain(j->digest, j->line.data, j->line.size, digest, check);
    size_t before = j->buffer.size;
    sbi_text_addf(&j->buffer, "%s %s\n", check, j->line.data);
    if (j->buffer.status != SBI_OK) {
        j->buffer.size = before;
        j->buffer.status = SBI_OK;
        return SBI_ERR_NO_MEMORY;
    }
    memcpy(j->digest, digest, sizeof digest);
    return SBI_OK;
}

static sbi_status write_buffer(sbi_journal *j)
{
    size_t done = 0;
    while (done < j->buffer.size) {
        ssize_t n = pwrite(j->fd, j->buffer.data + done, j->buffer.size - done, (off_t)(j->size + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int error = n < 0 ? errno : EIO;
            /* Half a line would look like a crash; if even this fails, that is what the next reader takes it for. */
            if (ftruncate(j->fd, (off_t)j->size)) error = errno;
            return sbi_fail_errno(error, "%s", j->path);
        }
        done += (size_t)n;
    }
    j->size += j->buffer.size;
    j->buffer.size = 0;
    return SBI_OK;
}

sbi_status sbi_journal_flush(sbi_journal *j, int sync)
{
    if (j->fd < 0) {
        j->buffer.size = 0;
        return SBI_OK;
    }
    if (j->buffer.size) {
        SBI_TRY(write_buffer(j));
        j->unsynced = 1;
    }
    if (sync && j->unsynced) {
        if (fdatasync(j->fd)) return sbi_fail_errno(errno, "%s", j->path);
        j->unsynced = 0;
    }
    return SBI_OK;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static sbi_status open_file(sbi_journal *j, const char *path, int read_only, sbi_journal_replay replay, void *user)
{
    j->path = sbi_strdup(j->ctx, path);
    if (!j->path) return SBI_ERR_NO_MEMORY;
    SBI_TRY(read_file(j, replay, user));
    if (read_only) return SBI_OK;
    j->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (j->fd < 0) return sbi_fail_errno(errno, "%s", path);
    if (ftruncate(j->fd, (off_t)j->size)) return sbi_fail_errno(errno, "%s", path);
    return SBI_OK;
}

sbi_status sbi_journal_open(sbi_journal *j, sbi_context *ctx, const char *path, int read_only, sbi_journal_replay replay,
                            void *user)
{
    memset(j, 0, sizeof *j);
    j->ctx = ctx;
    j->fd = -1;
    sbi_text_init(&j->buffer, ctx);
    sbi_text_init(&j->line, ctx);
    sbi_status status = path ? open_file(j, path, read_only, replay, user) : SBI_OK;
    if (status != SBI_OK) sbi_journal_close(j);
    return status;
}

void sbi_journal_close(sbi_journal *j)
{
    if (j->fd >= 0) close(j->fd);
    j->fd = -1;
    sbi_text_clear(&j->buffer);
    sbi_text_clear(&j->line);
    sbi_free(j->ctx, j->path);
    j->path = NULL;
}
