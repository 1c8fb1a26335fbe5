/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting messages. Apart from error.c, and by public functions alone, since the library for grids has a copy of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Adds ": text", cut where the room ends. */
static void append(char message[SBI_ERROR_MESSAGE_SIZE], const char *text)
{
    size_t used = strlen(message), left = SBI_ERROR_MESSAGE_SIZE - 1 - used, length = strlen(text);
    if (left < 2) return;
    memcpy(message + used, ": ", 2);
    if (length > left - 2) length = left - 2;
    memcpy(message + used + 2, text, length);
    message[used + 2 + length] = '\0';
}

/* Formats into a buffer of its own first, since an argument may point into the old message. */
static sbi_status set(sbi_status status, const char *format, va_list arguments, const char *tail)
{
    char fresh[SBI_ERROR_MESSAGE_SIZE];
    vsnprintf(fresh, sizeof fresh, format, arguments);
    if (tail) append(fresh, tail);
    return sbi_error_set(status, fresh);
}

sbi_status sbi_fail(sbi_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set(status, format, arguments, NULL);
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
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    /* The GNU variant, which may return a static text instead of filling in `text`. */
    const char *tail = strerror_r(errno_value, text, sizeof text);
    const sbi_status status = set(status_of_errno(errno_value), format, arguments, tail);
    va_end(arguments);
    return status;
}

sbi_status sbi_fail_within(sbi_status status, const char *format, ...)
{
    char old[SBI_ERROR_MESSAGE_SIZE];
    const size_t length = strnlen(sbi_last_error(), sizeof old - 1);
    memcpy(old, sbi_last_error(), length);
    old[length] = '\0';
    va_list arguments;
    va_start(arguments, format);
    set(status, format, arguments, old);
    va_end(arguments);
    return status;
}
