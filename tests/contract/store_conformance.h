/* SPDX-License-Identifier: Apache-2.0 */
/* What every store must do, whatever it is made of. An implementation's test gives a factory and runs the suite. */
#ifndef SBI_TESTS_STORE_CONFORMANCE_H
#define SBI_TESTS_STORE_CONFORMANCE_H

#include <check.h>

#include "sbi/store.h"

/* Opens a store; each call the same one, which may have objects in it. */
typedef struct store_factory {
    const char *name;
    sbi_status (*open)(void *user, sbi_context *ctx, sbi_store **out);
    void *user;
    int32_t without_create; /* 1: this kind cannot refuse to replace (docs/stores.md says so) */
    int32_t without_replace; /* 1: objects never change, and the name of one that was removed stands for its old bytes for ever */
} store_factory;

Suite *store_conformance_suite(const store_factory *factory);

#endif
