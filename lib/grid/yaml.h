/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as far as configuration files need it, as a JSON value. */
#ifndef SBI_GRID_YAML_H
#define SBI_GRID_YAML_H

#include "io/json.h"

/* One document. Plain true, false, null and ~ are what they say, every other scalar is a string. Refused with SBI_ERR_FORMAT, naming the line: aliases (a few lines
 * of them can mean gigabytes), keys that are not scalars or come twice, more than 64 levels, several documents. An empty one is null. */
sbi_status grid_yaml_parse(json_t **out, const char *text, size_t size, const char *name);

#endif
