build/obj/lib/net/train.o: lib/net/train.c lib/net/train.h lib/io/json.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/net/dataset.h lib/base/scratch.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h lib/net/network.h lib/device/device.h \
 include/sbi/network.h include/sbi/train.h include/sbi/dataset.h \
 include/sbi/executor.h include/sbi/network.h lib/base/error.h \
 include/sbi/status.h lib/base/file.h lib/base/log.h lib/base/memory.h \
 lib/base/random.h lib/net/epoch_log.h lib/net/trainer.h lib/net/loss.h \
 lib/net/score.h
lib/net/train.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
include/sbi/train.h:
include/sbi/dataset.h:
include/sbi/executor.h:
include/sbi/network.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/random.h:
lib/net/epoch_log.h:
lib/net/trainer.h:
lib/net/loss.h:
lib/net/score.h:
