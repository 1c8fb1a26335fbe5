build/obj/lib/model/pack.o: lib/model/pack.c lib/model/pack.h \
 lib/model/model.h lib/io/column.h include/sbi/array.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/io/column_file.h lib/io/npy.h lib/model/expression.h \
 include/sbi/tape.h include/sbi/array.h include/sbi/model.h \
 include/sbi/tape.h lib/base/error.h include/sbi/status.h lib/base/log.h \
 include/sbi/context.h lib/base/memory.h lib/base/options.h \
 lib/base/pool.h
lib/model/pack.h:
lib/model/model.h:
lib/io/column.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/io/column_file.h:
lib/io/npy.h:
lib/model/expression.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/model.h:
include/sbi/tape.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
include/sbi/context.h:
lib/base/memory.h:
lib/base/options.h:
lib/base/pool.h:
