build/obj/lib/net/onnx_transform_read.o: lib/net/onnx_transform_read.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/net/network.h lib/device/device.h lib/io/json.h lib/base/text.h \
 lib/net/transform.h include/sbi/dataset.h include/sbi/array.h \
 include/sbi/context.h include/sbi/network.h lib/net/onnx_transform.h \
 lib/net/onnx_reader.h lib/net/onnx.h lib/io/protobuf.h \
 lib/net/onnx_write.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/network.h:
lib/device/device.h:
lib/io/json.h:
lib/base/text.h:
lib/net/transform.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/network.h:
lib/net/onnx_transform.h:
lib/net/onnx_reader.h:
lib/net/onnx.h:
lib/io/protobuf.h:
lib/net/onnx_write.h:
