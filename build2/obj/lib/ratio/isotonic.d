build/obj/lib/ratio/isotonic.o: lib/ratio/isotonic.c \
 lib/ratio/calibration.h include/sbi/calibration.h include/sbi/dataset.h \
 include/sbi/array.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h include/sbi/network.h include/sbi/dataset.h
lib/ratio/calibration.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
include/sbi/network.h:
include/sbi/dataset.h:
