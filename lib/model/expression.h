/* SPDX-License-Identifier: Apache-2.0 */
/* Factor expressions: "mu - sqrt(mu)" parsed once, recorded on any tape.
 *
 *     sum     = product { ("+" | "-") product }
 *     product = unary { ("*" | "/") unary }
 *     unary   = { "-" | "+" } power
 *     power   = atom [ ("^" | "**") unary ]                 right-associative, binds tighter than the sign before it
 *     atom    = number | name | function "(" sum { "," sum } ")" | "(" sum ")"
 *
 * Functions: sqrt exp log log1p expm1 tanh square, and pow(a, b). Arithmetic of numbers is done while parsing, so that
 * mu^(1/2) is sqrt(mu) and (mu - 4)^-2 has an integer exponent. */
#ifndef SBI_MODEL_EXPRESSION_H
#define SBI_MODEL_EXPRESSION_H

#include "sbi/tape.h"

typedef struct sbi_expression sbi_expression;

/* Finds the index of a parameter; negative if there is none. */
typedef int64_t (*sbi_expression_lookup)(void *user, const char *name, size_t length);

/* Errors name the expression, the column (from 1) and the word. */
sbi_status sbi_expression_parse(sbi_expression **out, sbi_context *ctx, const char *text, sbi_expression_lookup lookup,
                                void *user);
void sbi_expression_destroy(sbi_expression *e);
/* Records it; params[i] is the tape's node of parameter i. */
sbi_var sbi_expression_record(const sbi_expression *e, sbi_tape *tape, const sbi_var *params);
/* Whether the expression mentions this parameter. */
int sbi_expression_uses(const sbi_expression *e, size_t parameter);

#endif
