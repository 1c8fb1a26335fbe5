build/obj/lib/net/onnx_write.o: lib/net/onnx_write.c lib/net/onnx_write.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/net/onnx.h lib/io/protobuf.h \
 include/sbi/status.h lib/net/transform.h lib/io/json.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h \
 lib/base/error.h lib/base/memory.h lib/base/options.h lib/net/network.h \
 lib/device/device.h include/sbi/network.h lib/net/onnx_transform.h \
 lib/net/onnx_reader.h include/sbi/onnx.h include/sbi/network.h
lib/net/onnx_write.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/onnx.h:
lib/io/protobuf.h:
include/sbi/status.h:
lib/net/transform.h:
lib/io/json.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
lib/base/error.h:
lib/base/memory.h:
lib/base/options.h:
lib/net/network.h:
lib/device/device.h:
include/sbi/network.h:
lib/net/onnx_transform.h:
lib/net/onnx_reader.h:
include/sbi/onnx.h:
include/sbi/network.h:
