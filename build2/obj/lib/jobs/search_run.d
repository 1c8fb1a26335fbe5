build/obj/lib/jobs/search_run.o: lib/jobs/search_run.c lib/base/context.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/file.h lib/base/memory.h \
 lib/exec/local.h include/sbi/executor.h include/sbi/context.h \
 lib/io/npz.h include/sbi/array.h lib/jobs/collect.h lib/base/text.h \
 lib/io/json.h include/sbi/campaign.h include/sbi/executor.h \
 lib/jobs/columns.h lib/jobs/job.h include/sbi/job.h include/sbi/store.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/ratio.h include/sbi/calibration.h include/sbi/dataset.h \
 include/sbi/network.h include/sbi/toy.h include/sbi/model.h \
 include/sbi/train.h lib/net/dataset.h lib/base/scratch.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/columns.h \
 include/sbi/ratio.h lib/jobs/search.h include/sbi/search.h \
 include/sbi/train.h lib/net/network.h lib/device/device.h \
 include/sbi/network.h lib/net/train.h
lib/base/context.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
lib/exec/local.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/io/npz.h:
include/sbi/array.h:
lib/jobs/collect.h:
lib/base/text.h:
lib/io/json.h:
include/sbi/campaign.h:
include/sbi/executor.h:
lib/jobs/columns.h:
lib/jobs/job.h:
include/sbi/job.h:
include/sbi/store.h:
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
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/columns.h:
include/sbi/ratio.h:
lib/jobs/search.h:
include/sbi/search.h:
include/sbi/train.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/net/train.h:
