build/obj/lib/ratio/calibration_file.o: lib/ratio/calibration_file.c \
 lib/base/error.h include/sbi/status.h include/sbi/version.h \
 lib/base/memory.h include/sbi/context.h include/sbi/status.h \
 lib/io/json.h lib/base/text.h lib/io/npz.h include/sbi/array.h \
 include/sbi/context.h lib/ratio/calibration.h include/sbi/calibration.h \
 include/sbi/dataset.h include/sbi/array.h include/sbi/network.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/io/json.h:
lib/base/text.h:
lib/io/npz.h:
include/sbi/array.h:
include/sbi/context.h:
lib/ratio/calibration.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/network.h:
