/* SPDX-License-Identifier: Apache-2.0 */
#include "tape/kernels/table.h"

const sbi_tape_kernels SBI_ISA(sbi_tape_kernels) = {
    .load = SBI_ISA(sbi_tape_load),
    .morph = SBI_ISA(sbi_tape_morph),
    .forward = SBI_ISA(sbi_tape_forward),
    .reverse = SBI_ISA(sbi_tape_reverse),
    .tangent = SBI_ISA(sbi_tape_tangent),
    .reverse_tangent = SBI_ISA(sbi_tape_reverse_tangent),
    .weighted_sum = SBI_ISA(sbi_tape_weighted_sum),
    .mask = SBI_ISA(sbi_tape_mask),
    .product = SBI_ISA(sbi_tape_product),
    .product2 = SBI_ISA(sbi_tape_product2),
    .dots = SBI_ISA(sbi_tape_dots),
    .combine = SBI_ISA(sbi_tape_combine),
    .mix = SBI_ISA(sbi_tape_mix),
    .mix_differences = SBI_ISA(sbi_tape_mix_differences),
    .function = SBI_ISA(sbi_tape_function),
};
