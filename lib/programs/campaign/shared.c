/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "programs/campaign/campaign.h"

int campaign_fail(sbi_status status)
{
    fprintf(stderr, "sbi-campaign: %s: %s\n", sbi_status_name(status), sbi_last_error());
    return status == SBI_ERR_TASK_FAILED ? CAMPAIGN_GIVEN_UP : CAMPAIGN_FAILURE;
}

sbi_status campaign_look(const campaign_command *command, sbi_campaign **out)
{
    sbi_campaign_options o = command->options;
    o.read_only = 1;
    return sbi_campaign_open(out, command->ctx, command->folder, &o);
}

/* The indexes are in range and the structs ours: these calls cannot fail. */
static void must(sbi_status status)
{
    if (status != SBI_OK) exit(campaign_fail(status));
}

sbi_campaign_report campaign_report(const sbi_campaign *c, size_t index)
{
    sbi_campaign_report r;
    memset(&r, 0, sizeof r);
    r.struct_size = (uint32_t)sizeof r;
    must(sbi_campaign_report_get(c, index, &r));
    return r;
}

sbi_campaign_event campaign_event(const sbi_campaign *c, size_t index)
{
    sbi_campaign_event e;
    memset(&e, 0, sizeof e);
    e.struct_size = (uint32_t)sizeof e;
    must(sbi_campaign_event_get(c, index, &e));
    return e;
}

sbi_campaign_usage campaign_usage(const sbi_campaign *c, size_t stage)
{
    sbi_campaign_usage u;
    memset(&u, 0, sizeof u);
    u.struct_size = (uint32_t)sizeof u;
    must(sbi_campaign_usage_get(c, stage, &u));
    return u;
}

sbi_status campaign_find(const sbi_campaign *c, const char *text, size_t *index)
{
    size_t found = 0;
    if (sbi_campaign_index(c, text, index) == SBI_OK) return SBI_OK;
    const size_t n = sbi_campaign_count(c), length = strlen(text);
    for (size_t i = 0; i < n && length; i++) {
        const sbi_campaign_report r = campaign_report(c, i);
        if (strncmp(r.key, text, length) != 0) continue;
        *index = i;
        found++;
    }
    if (found == 1) return SBI_OK;
    return found ? sbi_error_set(SBI_ERR_ARGUMENT, "the keys of several tasks begin so: give more of the key")
                 : sbi_error_set(SBI_ERR_NOT_FOUND, "no task has this key, or one that begins so");
}

volatile sig_atomic_t campaign_stopped;

int campaign_wait(double seconds)
{
    for (double left = seconds; left > 0 && !campaign_stopped; left -= 0.05) nanosleep(&(struct timespec){0, 50000000}, NULL);
    return !campaign_stopped;
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at s; 0: none. */
static size_t utf8(const unsigned char *s)
{
    static const unsigned char low[5] = {0, 0, 0xc2, 0xe0, 0xf0}, high[5] = {0, 0, 0xdf, 0xef, 0xf4};
    if (s[0] < 0x80) return 1;
    for (size_t n = 2; n < 5; n++) {
        if (s[0] < low[n] || s[0] > high[n]) continue;
        for (size_t i = 1; i < n; i++) {
            if ((s[i] & 0xc0) != 0x80) return 0;
        }
        const int wrong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
                          (s[0] == 0xf4 && s[1] > 0x8f);
        return wrong ? 0 : n;
    }
    return 0;
}

void campaign_print_json(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const size_t n = utf8(c);
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 32 || *c == 127)
            printf("\\u%04x", *c);
        else
            fwrite(n ? (const void *)c : "?", 1, n ? n : 1, stdout);
        c += n ? n : 1;
    }
    putchar('"');
}

void campaign_print_plain(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        const size_t n = utf8(c);
        const int control = *c < 32 || *c == 127 || (*c == 0xc2 && c[1] < 0xa0);
        fwrite(n && !control ? (const void *)c : "?", 1, n && !control ? n : 1, stdout);
        c += n ? n : 1;
    }
}

const char *campaign_duration(double seconds, char *out, size_t size)
{
    const long long s = (long long)(seconds + 0.5);
    if (seconds < 99.95)
        snprintf(out, size, "%.1f s", seconds);
    else if (s < 3600)
        snprintf(out, size, "%lld:%02lld min", s / 60, s % 60);
    else if (s < 100 * 3600)
        snprintf(out, size, "%lld:%02lld h", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%.1f d", seconds / 86400);
    return out;
}

const char *campaign_bytes(double bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) bytes /= 1024, unit++;
    snprintf(out, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

const char *campaign_time(int64_t ms, char *out, size_t size)
{
    const time_t seconds = (time_t)(ms / 1000);
    char text[32];
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm)) snprintf(text, sizeof text, "?");
    snprintf(out, size, "%s.%03dZ", text, (int)(ms % 1000));
    return out;
}
