build/obj/lib/net/onnx_graph_write.o: lib/net/onnx_graph_write.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/net/onnx_write.h lib/base/text.h lib/net/onnx.h \
 lib/io/protobuf.h lib/net/transform.h lib/io/json.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/context.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/net/onnx_write.h:
lib/base/text.h:
lib/net/onnx.h:
lib/io/protobuf.h:
lib/net/transform.h:
lib/io/json.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
