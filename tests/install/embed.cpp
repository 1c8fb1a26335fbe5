/* SPDX-License-Identifier: Apache-2.0 */
/* The same host in C++. */
#include "embed.c"
