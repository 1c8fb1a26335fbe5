/* SPDX-License-Identifier: Apache-2.0 */
/** @file version.h
 * Release and ABI version, and the macros that every public header uses.
 *
 * The release version follows semantic versioning. The ABI version is a number of its own: it grows only when a
 * program linked against an older libsbi.so could misbehave, and is the number in the SONAME.
 */
#ifndef SBI_VERSION_H
#define SBI_VERSION_H

#include <stddef.h>
#include <stdint.h>

#define SBI_VERSION_MAJOR 0
#define SBI_VERSION_MINOR 1
#define SBI_VERSION_PATCH 0
#define SBI_VERSION_STRING "0.1.0"
#define SBI_ABI_VERSION 0

#if defined(__GNUC__) || defined(__clang__)
#define SBI_API __attribute__((visibility("default")))
#define SBI_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define SBI_API
#define SBI_PRINTF(format_index, first_argument)
#endif

#ifdef __cplusplus
#define SBI_BEGIN_DECLS extern "C" {
#define SBI_END_DECLS }
#else
#define SBI_BEGIN_DECLS
#define SBI_END_DECLS
#endif

SBI_BEGIN_DECLS

/** The release version of the library that is loaded, for instance "0.1.0". Static storage. Since: 0.1 */
SBI_API const char *sbi_version_string(void);

/** The ABI version of the library that is loaded. A program may compare it with SBI_ABI_VERSION. Since: 0.1 */
SBI_API int32_t sbi_abi_version(void);

/** One line naming the release, the compiler, the BLAS and the instruction set chosen at run time.
 *  Static storage, the same text for the life of the process. Since: 0.1 */
SBI_API const char *sbi_build_info(void);

SBI_END_DECLS
#endif
