build/obj/lib/net/onnx_tensor.o: lib/net/onnx_tensor.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/net/onnx.h \
 lib/io/protobuf.h lib/base/text.h include/sbi/context.h \
 include/sbi/status.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/net/onnx.h:
lib/io/protobuf.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
