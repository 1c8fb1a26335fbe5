/* SPDX-License-Identifier: Apache-2.0 */
/* Names of objects as names of Rucio files.
 *
 * Rucio's generic schema knows [A-Za-z0-9._-] with a letter or digit first, and no "/". So "/" becomes "-_." and "-_" itself "-_-"; a name that would be shorter
 * than two characters or begin with none of [A-Za-z0-9] has "0-_0" before it. All other names stand for themselves:
 *   cas/sha256/ab/cd/HASH  <->  cas-_.sha256-_.ab-_.cd-_.HASH,   events.npy <-> events.npy.
 * "-_" is followed by one of ".", "-", "0" in every name made here, so that it can be read back from left to right in one way. */
#ifndef SBI_GRID_RUCIO_NAMES_H
#define SBI_GRID_RUCIO_NAMES_H

#include "grid/listing.h"

#define GRID_RUCIO_NAME_MAX 251 /* 250 characters and NUL: the column of Rucio's table */

/* `before` is put before the name, as it is ("user.jane."; "" for none). SBI_ERR_ARGUMENT: the name becomes too long. */
sbi_status grid_rucio_name(char out[GRID_RUCIO_NAME_MAX], const char *before, const char *object);
/* The way back; 0 where the file was not named like this: it is no object of the store. */
int grid_rucio_object(char out[SBI_STORE_NAME_MAX], const char *before, const char *name);

#endif
