build/obj/lib/fit/trust_region.o: lib/fit/trust_region.c \
 lib/fit/trust_region.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/blas.h lib/base/error.h \
 include/sbi/status.h lib/base/memory.h lib/fit/tridiagonal.h
lib/fit/trust_region.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/blas.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/fit/tridiagonal.h:
