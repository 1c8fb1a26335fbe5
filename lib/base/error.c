/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

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
