/* SPDX-License-Identifier: Apache-2.0 */
/* The Rucio store with every allocation failing in turn, against a real server: a status, nothing lost, nothing of the name's bytes changed. */
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "grid/grid.h"
#include "grid/servers.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static char config[1500], name[100];

static sbi_status drop(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return SBI_OK;
}

static sbi_status none(void *user, const char *listed, const sbi_store_info *info)
{
    (void)user;
    (void)listed;
    (void)info;
    return SBI_OK;
}

static sbi_status use(sbi_store *s)
{
    sbi_sink sink = {sizeof sink, 0, drop, NULL};
    sbi_store_info info = {.struct_size = sizeof info};
    SBI_TRY(sbi_store_put_bytes(s, name, "bytes", 5, 0));
    SBI_TRY(sbi_store_stat(s, name, &info));
    SBI_TRY(sbi_store_get(s, name, 0, 0, &sink));
    SBI_TRY(sbi_store_list(s, name, none, NULL));
    return sbi_store_remove(s, name);
}

static sbi_status all(sbi_context *ctx, void *arg)
{
    (void)arg;
    const sbi_store_ops *ops;
    void *self;
    sbi_store *s;
    SBI_TRY(grid_rucio_open(NULL, ctx, "rucio://test/torture", config, &ops, &self));
    sbi_status status = sbi_store_create(&s, ctx, ops, self, "rucio://test/torture");
    if (status != SBI_OK) {
        ops->close(self);
        return status;
    }
    status = use(s);
    sbi_store_close(s);
    return status;
}

START_TEST(every_allocation)
{
    const torture_report r = torture_allocations(all, NULL, 1, 0);
    ck_assert_int_gt(r.requests, 60);
}
END_TEST

int main(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(config, sizeof config, "{\"host\": \"%s\", \"account\": \"root\", \"schemes\": \"http\", \"rse\": \"DAV1\", \"retries\": 0, \"user_file\": \"%s/user\"}",
             server("SBI_TEST_RUCIO"), server("SBI_TEST_RUCIO_STORAGE"));
    snprintf(name, sizeof name, "torture.%llx.%ld/x", (unsigned long long)t.tv_sec, t.tv_nsec);
    Suite *suite = suite_create("rucio torture");
    TCase *c = tcase_create("torture");
    tcase_add_test(c, every_allocation);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
