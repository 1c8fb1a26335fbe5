build/obj/lib/model/pack_workspace.o: lib/model/pack_workspace.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/file.h include/sbi/context.h include/sbi/status.h \
 lib/base/memory.h lib/io/json.h lib/base/text.h lib/model/pack.h \
 lib/model/model.h lib/io/column.h include/sbi/array.h \
 include/sbi/context.h lib/io/column_file.h lib/io/npy.h \
 lib/model/expression.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/model.h include/sbi/tape.h lib/model/workspace.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/file.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/io/json.h:
lib/base/text.h:
lib/model/pack.h:
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
lib/model/workspace.h:
