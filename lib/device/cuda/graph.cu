/* SPDX-License-Identifier: Apache-2.0 */
/* A run of operations as a CUDA graph: launched in one call, where a step of a small network would otherwise wait for its launches. */
#include "device/cuda/cuda.h"

sbi_status sbi_cuda_record(void *self)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    sbi_cuda_written(cuda, NULL, 0); /* copies in half precision are made inside, each time */
    SBI_CUDA_TRY(cuda, cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal), "recording");
    cuda->recording = 1;
    return SBI_OK;
}

sbi_status sbi_cuda_recorded(void *self, void **program)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    *program = NULL;
    cuda->recording = 0;
    sbi_cuda_written(cuda, NULL, 0); /* what was noted did not run */
    cudaGraph_t graph = NULL;
    SBI_CUDA_TRY(cuda, cudaStreamEndCapture(cuda->stream, &graph), "recording");
    cudaGraphExec_t made = NULL;
    const cudaError_t error = cudaGraphInstantiate(&made, graph, 0);
    (void)cudaGraphDestroy(graph);
    SBI_CUDA_TRY(cuda, error, "making a graph");
    *program = made;
    return SBI_OK;
}

sbi_status sbi_cuda_replay(void *self, void *program)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    sbi_cuda_written(cuda, NULL, 0);
    SBI_CUDA_TRY(cuda, cudaGraphLaunch(static_cast<cudaGraphExec_t>(program), cuda->stream), "replaying");
    return SBI_OK;
}

void sbi_cuda_forget(void *self, void *program)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    if (!program) return;
    sbi_cuda_scope scope(cuda);
    (void)cudaStreamSynchronize(cuda->stream);
    (void)cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(program));
    (void)cudaGetLastError();
}
