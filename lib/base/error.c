/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

SBI_THREAD_LOCAL char last_error[SBI_ERROR_MESSAGE_SIZE];

const char *sbi_last_error(void)
{
    return last_error;
}

/* Messages are one line: a name that contains a newline must not break that. */
static void keep_one_line(void)
{
    for (char *c = last_error; *c; c++) {
        if (*c == '\n' || *c == '\r') *c = ' ';
    }
}

void sbi_error_set_message(const char *message)
{
    size_t length = message ? strnlen(message, sizeof last_error - 1) : 0;
    memmove(last_error, message ? message : "", length); /* it may be the old message itself */
    last_error[length] = '\0';
    keep_one_line();
}

sbi_status sbi_error_set(sbi_status status, const char *message)
{
    sbi_error_set_message(message);
    return status;
}

/* Formats into a buffer of its own first, since an argument may point into the old message. */
static void set_message(const char *format, va_list arguments)
{
    char fresh[SBI_ERROR_MESSAGE_SIZE];
    vsnprintf(fresh, sizeof fresh, format, arguments);
    memcpy(last_error, fresh, sizeof last_error);
    keep_one_line();
}

/* Adds ": text", cut where the room ends. */
static void append(const char *text)
{
    size_t used = strlen(last_error), left = sizeof last_error - 1 - used, length = strlen(text);
    if (left < 2) return;
    memcpy(last_error + used, ": ", 2);
    if (length > left - 2) length = left - 2;
    memcpy(last_error + used + 2, text, length);
    last_error[used + 2 + length] = '\0';
}

sbi_status sbi_fail(sbi_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    return status;
}

static sbi_status status_of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return SBI_ERR_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS: return SBI_ERR_PERMISSION;
    case ENOENT: return SBI_ERR_NOT_FOUND;
    case ENOMEM: return SBI_ERR_NO_MEMORY;
    case EEXIST: return SBI_ERR_EXISTS;
    default: return SBI_ERR_IO;
    }
}

sbi_status sbi_fail_errno(int errno_value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    char reason[128];
    /* The GNU variant, which may return a static text instead of filling in `reason`. */
    const char *text = strerror_r(errno_value, reason, sizeof reason);
    append(text);
    return status_of_errno(errno_value);
}

sbi_status sbi_fail_within(sbi_status status, const char *format, ...)
{
    char old[SBI_ERROR_MESSAGE_SIZE];
    memcpy(old, last_error, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    append(old);
    return status;
}

const char *sbi_status_name(sbi_status status)
{
    switch (status) {
#define SBI_CASE(name, number, text)                                                                                   \
    case number: return #name;
        SBI_STATUS_LIST(SBI_CASE)
#undef SBI_CASE
    default: return "SBI_ERR_UNKNOWN";
    }
}

const char *sbi_status_text(sbi_status status)
{
    switch (status) {
#define SBI_CASE(name, number, text)                                                                                   \
    case number: return text;
        SBI_STATUS_LIST(SBI_CASE)
#undef SBI_CASE
    default: return "unknown status";
    }
}
