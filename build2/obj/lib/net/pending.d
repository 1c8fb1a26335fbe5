build/obj/lib/net/pending.o: lib/net/pending.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/net/trainer.h \
 lib/net/loss.h lib/net/dataset.h lib/base/scratch.h \
 include/sbi/context.h include/sbi/status.h lib/net/transform.h \
 lib/io/json.h lib/base/text.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h include/sbi/train.h include/sbi/dataset.h \
 include/sbi/executor.h include/sbi/network.h lib/net/score.h \
 lib/net/network.h lib/device/device.h include/sbi/network.h \
 lib/net/train.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/trainer.h:
lib/net/loss.h:
lib/net/dataset.h:
lib/base/scratch.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/transform.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/train.h:
include/sbi/dataset.h:
include/sbi/executor.h:
include/sbi/network.h:
lib/net/score.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/net/train.h:
