/* SPDX-License-Identifier: Apache-2.0 */
/* Times in milliseconds. */
#ifndef SBI_BASE_CLOCK_H
#define SBI_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t sbi_clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Since some moment of this machine: for waiting and measuring. */
static inline int64_t sbi_now_ms(void)
{
    return sbi_clock_ms(CLOCK_MONOTONIC);
}

/* Since 1970: to compare with what other machines say. It may be set back. */
static inline int64_t sbi_date_ms(void)
{
    return sbi_clock_ms(CLOCK_REALTIME);
}

#endif
