build/obj/lib/model/workspace.o: lib/model/workspace.c \
 lib/model/workspace.h lib/io/json.h lib/base/text.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/model/model.h lib/io/column.h include/sbi/array.h \
 include/sbi/context.h lib/io/column_file.h lib/io/npy.h \
 lib/model/expression.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/model.h include/sbi/tape.h lib/base/error.h \
 include/sbi/status.h lib/base/file.h lib/base/memory.h \
 lib/base/options.h
lib/model/workspace.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/model/model.h:
lib/io/column.h:
include/sbi/array.h:
include/sbi/context.h:
lib/io/column_file.h:
lib/io/npy.h:
lib/model/expression.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/model.h:
include/sbi/tape.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/file.h:
lib/base/memory.h:
lib/base/options.h:
