/* SPDX-License-Identifier: Apache-2.0 */
/* The likelihood on CUDA devices: the table of its functions, as tape/accelerator.h wants them. */
#ifndef SBI_CUDA_LIKELIHOOD_H
#define SBI_CUDA_LIKELIHOOD_H

#ifdef __cplusplus
extern "C" {
#endif

/* By this name, SBI_ACCELERATOR_CONTRACT, the plugin is asked for it. */
#define SBI_CUDA_LIKELIHOOD_CONTRACT "accelerator"

/* A const sbi_accelerator_ops. */
const void *sbi_cuda_likelihood(void);

#ifdef __cplusplus
}
#endif
#endif
