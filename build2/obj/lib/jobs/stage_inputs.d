build/obj/lib/jobs/stage_inputs.o: lib/jobs/stage_inputs.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/base/sha256.h lib/base/sha256_blocks.h \
 lib/jobs/staged.h lib/jobs/job.h lib/io/json.h lib/base/text.h \
 include/sbi/job.h include/sbi/store.h include/sbi/executor.h \
 include/sbi/context.h include/sbi/model.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/ratio.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/network.h include/sbi/toy.h \
 include/sbi/model.h include/sbi/train.h lib/jobs/records.h \
 lib/model/model.h lib/io/column.h include/sbi/array.h \
 lib/io/column_file.h lib/io/npy.h lib/model/expression.h \
 include/sbi/tape.h lib/net/dataset.h lib/base/scratch.h \
 lib/net/transform.h include/sbi/dataset.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/jobs/staged.h:
lib/jobs/job.h:
lib/io/json.h:
lib/base/text.h:
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
lib/jobs/records.h:
lib/model/model.h:
lib/io/column.h:
include/sbi/array.h:
lib/io/column_file.h:
lib/io/npy.h:
lib/model/expression.h:
include/sbi/tape.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
