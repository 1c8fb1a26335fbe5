build/obj/lib/model/evaluate.o: lib/model/evaluate.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/model/binned.h \
 lib/model/model.h lib/io/column.h include/sbi/array.h \
 include/sbi/context.h lib/io/column_file.h lib/io/npy.h \
 lib/model/expression.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/model.h include/sbi/tape.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/model/binned.h:
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
