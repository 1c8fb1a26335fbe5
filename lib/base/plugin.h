/* SPDX-License-Identifier: Apache-2.0 */
/* Finding libraries that are loaded when asked for. */
#ifndef SBI_BASE_PLUGIN_H
#define SBI_BASE_PLUGIN_H

#include "sbi/context.h"

/* Loads the library `file`, a name without a folder; it stays until the process ends. Looked for in: the folder in the environment's
 * SBI_PLUGIN_PATH, and nowhere else if that is set; the folder of libsbi; where the loader looks. NULL: `why` has the reason, one line. */
void *sbi_plugin_find(sbi_context *ctx, const char *file, char *why, size_t size);

#endif
