build/obj/lib/net/network_file.o: lib/net/network_file.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/base/sha256.h \
 lib/base/sha256_blocks.h lib/base/text.h lib/io/json.h lib/io/npz.h \
 include/sbi/array.h include/sbi/context.h lib/net/json_values.h \
 lib/net/network.h lib/device/device.h lib/net/transform.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/network.h \
 lib/net/transform_file.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/base/text.h:
lib/io/json.h:
lib/io/npz.h:
include/sbi/array.h:
include/sbi/context.h:
lib/net/json_values.h:
lib/net/network.h:
lib/device/device.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/network.h:
lib/net/transform_file.h:
