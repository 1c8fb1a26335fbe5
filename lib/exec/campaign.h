/* SPDX-License-Identifier: Apache-2.0 */
/* What campaigns offer to the other rooms beyond the public header. */
#ifndef SBI_EXEC_CAMPAIGN_H
#define SBI_EXEC_CAMPAIGN_H

#include "sbi/campaign.h"

/* As sbi_campaign_add(), for a key that says all of the work: a known task whose spec differs (its inputs lie elsewhere now) goes on with
 * the new spec. The journal keeps the first one. */
sbi_status sbi_campaign_add_moved(sbi_campaign *campaign, const sbi_task *task, size_t *index);

#endif
