build/obj/lib/jobs/search_plan.o: lib/jobs/search_plan.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/base/options.h \
 lib/base/random.h lib/jobs/search.h lib/io/json.h lib/base/text.h \
 lib/jobs/job.h include/sbi/job.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h include/sbi/model.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/ratio.h \
 include/sbi/calibration.h include/sbi/dataset.h include/sbi/network.h \
 include/sbi/toy.h include/sbi/model.h include/sbi/train.h \
 include/sbi/campaign.h include/sbi/search.h include/sbi/train.h \
 lib/net/train.h lib/net/dataset.h lib/base/scratch.h lib/net/transform.h \
 include/sbi/dataset.h lib/net/network.h lib/device/device.h \
 include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/options.h:
lib/base/random.h:
lib/jobs/search.h:
lib/io/json.h:
lib/base/text.h:
lib/jobs/job.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/ratio.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/toy.h:
include/sbi/model.h:
include/sbi/train.h:
include/sbi/campaign.h:
include/sbi/search.h:
include/sbi/train.h:
lib/net/train.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
