build/obj/lib/net/onnx_graph.o: lib/net/onnx_graph.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/net/onnx.h \
 lib/io/protobuf.h lib/base/text.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/net/onnx.h:
lib/io/protobuf.h:
lib/base/text.h:
