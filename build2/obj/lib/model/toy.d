build/obj/lib/model/toy.o: lib/model/toy.c include/sbi/toy.h \
 include/sbi/model.h include/sbi/tape.h include/sbi/array.h \
 include/sbi/context.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h include/sbi/status.h lib/base/memory.h \
 include/sbi/context.h lib/base/options.h lib/base/random.h \
 lib/model/binned.h lib/model/model.h lib/io/column.h include/sbi/array.h \
 lib/io/column_file.h lib/io/npy.h lib/model/expression.h \
 include/sbi/tape.h include/sbi/model.h lib/model/derive.h
include/sbi/toy.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
include/sbi/context.h:
lib/base/options.h:
lib/base/random.h:
lib/model/binned.h:
lib/model/model.h:
lib/io/column.h:
include/sbi/array.h:
lib/io/column_file.h:
lib/io/npy.h:
lib/model/expression.h:
include/sbi/tape.h:
include/sbi/model.h:
lib/model/derive.h:
