/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that come in a library of their own, loaded when asked for: libsbi-NAME.so.ABI exports one struct, sbi_device_plugin_NAME.
 *
 * The plugin is not linked against libsbi: what it needs of its host is handed to it. A plugin belongs to one release: name, version and
 * every size are compared exactly before anything in it is called. */
#ifndef SBI_DEVICE_PLUGIN_H
#define SBI_DEVICE_PLUGIN_H

#include "device/device.h"

#define SBI_DEVICE_PLUGIN_ABI 1

/* What libsbi does for a plugin. */
typedef struct sbi_device_host {
    uint32_t struct_size, abi;
    /* Sets the thread's message (one line) and returns the status. */
    sbi_status (*fail)(sbi_status status, const char *message);
    /* The context's allocator; NULL, with the message set, when it has none. */
    void *(*allocate)(sbi_context *ctx, size_t bytes);
    void (*release)(sbi_context *ctx, void *memory);
    /* level: SBI_LOG_... */
    void (*log)(sbi_context *ctx, int32_t level, const char *message);
} sbi_device_host;

typedef struct sbi_device_plugin {
    uint32_t struct_size, abi, device_abi, reserved;
    const char *name;    /* "cuda" */
    const char *version; /* of the release that it belongs to */
    /* `options` is what follows the name: "", ":1", "?precision=bf16", ":1?precision=bf16". The host outlives the device. */
    sbi_status (*open)(const sbi_device_ops **ops, void **self, const sbi_device_host *host, sbi_context *ctx,
                       const char *options);
    /* Other contracts that this library fulfils, each found by name, with a size and an ABI number of its own to be checked; NULL for a
     * name it does not know. The function may be NULL. */
    const void *(*find)(const char *contract);
} sbi_device_plugin;

/* The contract "devices": how many there are. SBI_ERR_NOT_FOUND, with the message set, where driver or devices are missing. */
#define SBI_DEVICE_COUNTER_CONTRACT "devices"
#define SBI_DEVICE_COUNTER_ABI 1
typedef struct sbi_device_counter {
    uint32_t struct_size, abi;
    sbi_status (*count)(const sbi_device_host *host, int32_t *n);
} sbi_device_counter;

/* Loads libsbi-NAME.so.ABI and checks it; `device` is NAME with options. It stays loaded until the process ends, since drivers do not
 * bear being unloaded. Looked for in: the folder in the environment's SBI_PLUGIN_PATH, and nowhere else if that is set; the folder of
 * libsbi; where the loader looks. SBI_ERR_NOT_FOUND: no such library, or one that it needs is missing; SBI_ERR_ABI: of another release. */
sbi_status sbi_device_plugin_load(const sbi_device_plugin **out, sbi_context *ctx, const char *device);
sbi_status sbi_device_plugin_open(const sbi_device_ops **ops, void **self, sbi_context *ctx, const char *device);
/* What libsbi gives to every plugin. */
const sbi_device_host *sbi_device_plugin_host(void);

#endif
