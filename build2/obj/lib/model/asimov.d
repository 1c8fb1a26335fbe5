build/obj/lib/model/asimov.o: lib/model/asimov.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/log.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/base/pool.h lib/model/binned.h lib/model/model.h lib/io/column.h \
 include/sbi/array.h include/sbi/context.h lib/io/column_file.h \
 lib/io/npy.h lib/model/expression.h include/sbi/tape.h \
 include/sbi/array.h include/sbi/model.h include/sbi/tape.h \
 lib/model/derive.h lib/tape/interpolation.h lib/tape/kernels/kernels.h \
 lib/base/isa.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/pool.h:
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
lib/model/derive.h:
lib/tape/interpolation.h:
lib/tape/kernels/kernels.h:
lib/base/isa.h:
