/* SPDX-License-Identifier: Apache-2.0 */
/* sbi-worker: runs one job of a folder or of a store. */
#include "programs/worker/worker.h"

int main(int argc, char **argv)
{
    return worker_main(argc, argv, sbi_job_run_store);
}
