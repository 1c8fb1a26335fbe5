build/obj/lib/net/onnx_nodes.o: lib/net/onnx_nodes.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/net/onnx_reader.h \
 lib/net/onnx.h lib/io/protobuf.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h lib/net/transform.h lib/io/json.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h \
 include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/onnx_reader.h:
lib/net/onnx.h:
lib/io/protobuf.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/transform.h:
lib/io/json.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/network.h:
