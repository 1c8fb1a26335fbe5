/* SPDX-License-Identifier: Apache-2.0 */
/* What every device must do, as a Check test case. To check a device: open it in `open`, and run the suite. */
#ifndef TESTS_CONTRACT_DEVICE_CONFORMANCE_H
#define TESTS_CONTRACT_DEVICE_CONFORMANCE_H

#include <check.h>

#include "device/device.h"

typedef struct device_under_test {
    const char *name;
    sbi_status (*open)(sbi_device *out, sbi_context *ctx);
    void (*closed)(void); /* NULL, or called after each case, when the device is closed */
    double tolerance; /* relative, of a sum of a thousand products of f32 */
} device_under_test;

/* Adds every case to the suite; `device` must live as long as the suite. */
void device_conformance(Suite *suite, const device_under_test *device);
/* The part of it about normalisation, dropout and residual blocks: device_layers.c. */
void device_layers(Suite *suite, const device_under_test *device);

#endif
