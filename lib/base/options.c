/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include <string.h>

#include "base/error.h"

/* More than any struct will have for decades: catches an uninitialised struct_size. */
#define LARGEST_STRUCT 65536u

sbi_status sbi_options_read(void *known, size_t known_size, size_t smallest, const void *user, const char *name)
{
    if (!user) return SBI_OK;
    uint32_t size;
    memcpy(&size, user, sizeof size);
    if (size < smallest || size > LARGEST_STRUCT || size % sizeof(uint32_t)) {
        return sbi_fail(SBI_ERR_ABI, "%s: struct_size is %u, expected %zu to %u; was the struct initialised?", name,
                        (unsigned)size, smallest, LARGEST_STRUCT);
    }
    const unsigned char *bytes = user;
    for (size_t i = known_size; i < size; i++) {
        if (bytes[i]) {
            return sbi_fail(SBI_ERR_ABI, "%s: byte %zu of %u is set, but this library knows only %zu bytes", name, i,
                            (unsigned)size, known_size);
        }
    }
    memcpy(known, user, size < known_size ? size : known_size);
    uint32_t full = (uint32_t)known_size;
    memcpy(known, &full, sizeof full);
    return SBI_OK;
}
