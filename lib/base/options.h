/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a caller's option struct, which may be shorter (older) or longer (newer) than ours. */
#ifndef SBI_BASE_OPTIONS_H
#define SBI_BASE_OPTIONS_H

#include "sbi/status.h"

/* `known` holds our defaults and has `known_size` bytes; both structs start with uint32_t struct_size.
 * user NULL: defaults stay. Shorter: the given bytes are copied over the defaults. Longer: accepted only if the bytes
 * that we do not know are zero (else SBI_ERR_ABI). struct_size below `smallest` (the first release's size) or absurd:
 * SBI_ERR_ABI. `name` is the struct's name for the message. */
sbi_status sbi_options_read(void *known, size_t known_size, size_t smallest, const void *user, const char *name);

#endif
