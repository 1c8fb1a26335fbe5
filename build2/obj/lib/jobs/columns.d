build/obj/lib/jobs/columns.o: lib/jobs/columns.c lib/jobs/columns.h \
 lib/io/json.h lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/jobs/job.h include/sbi/job.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/ratio.h include/sbi/calibration.h include/sbi/dataset.h \
 include/sbi/network.h include/sbi/toy.h include/sbi/model.h \
 include/sbi/train.h lib/net/dataset.h lib/base/scratch.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/campaign.h \
 include/sbi/columns.h include/sbi/ratio.h lib/base/error.h \
 include/sbi/status.h lib/base/file.h lib/base/memory.h \
 lib/base/options.h lib/base/sha256.h lib/base/sha256_blocks.h \
 lib/io/npy.h include/sbi/array.h lib/jobs/collect.h lib/ratio/ratio.h \
 lib/net/network.h lib/device/device.h include/sbi/network.h \
 lib/ratio/calibration.h include/sbi/calibration.h
lib/jobs/columns.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
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
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/campaign.h:
include/sbi/columns.h:
include/sbi/ratio.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
lib/base/options.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/io/npy.h:
include/sbi/array.h:
lib/jobs/collect.h:
lib/ratio/ratio.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/ratio/calibration.h:
include/sbi/calibration.h:
