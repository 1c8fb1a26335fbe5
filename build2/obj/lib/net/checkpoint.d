build/obj/lib/net/checkpoint.o: lib/net/checkpoint.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/file.h \
 include/sbi/context.h include/sbi/status.h lib/base/log.h \
 lib/base/memory.h lib/base/text.h lib/io/npz.h include/sbi/array.h \
 include/sbi/context.h lib/net/json_values.h lib/io/json.h \
 lib/net/trainer.h lib/net/loss.h lib/net/dataset.h lib/base/scratch.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/train.h include/sbi/dataset.h include/sbi/executor.h \
 include/sbi/network.h lib/net/score.h lib/net/network.h \
 lib/device/device.h include/sbi/network.h lib/net/train.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/text.h:
lib/io/npz.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/json_values.h:
lib/io/json.h:
lib/net/trainer.h:
lib/net/loss.h:
lib/net/dataset.h:
lib/base/scratch.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/train.h:
include/sbi/dataset.h:
include/sbi/executor.h:
include/sbi/network.h:
lib/net/score.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/net/train.h:
