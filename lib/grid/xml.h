/* SPDX-License-Identifier: Apache-2.0 */
/* Reading small XML answers of servers, by expat. */
#ifndef SBI_GRID_XML_H
#define SBI_GRID_XML_H

#include "base/text.h"

#define GRID_XML_DEPTH 16
#define GRID_XML_TEXT ((size_t)64 << 10)

/* Calls each() at the end of every element, children first: `path` are the local names from the root, joined by "/", `text` what stands directly in it.
 * Namespaces are dropped. A document type, more than GRID_XML_DEPTH levels or GRID_XML_TEXT bytes of text in an element: SBI_ERR_FORMAT. A status of
 * each() ends it. `name` is for messages. */
sbi_status grid_xml_read(sbi_context *ctx, const char *data, size_t size, const char *name,
                         sbi_status (*each)(void *user, const char *path, const char *text), void *user);

#endif
