/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what WebDAV servers answer, apart from sending, so that it can be fuzzed. */
#ifndef SBI_GRID_WEBDAV_ANSWERS_H
#define SBI_GRID_WEBDAV_ANSWERS_H

#include "grid/listing.h"

/* Reads a multistatus (RFC 4918, section 13) into two lists: files and folders, named relative to `base`, the decoded path of the store, which begins and
 * ends with "/". What lies elsewhere is left out; the base itself is the folder "". */
sbi_status grid_webdav_read(grid_listing *files, grid_listing *folders, const char *data, size_t size, const char *base, const char *name);
/* Replaces %XX in place; 0 if one is malformed or stands for NUL. */
int grid_webdav_decode(char *text);
/* The adler32 in a Digest header (RFC 3230: "adler32=0a1b2c3d", also one of several); 0 if there is none. */
int grid_webdav_digest(const char *header, uint32_t *adler32);

#endif
