build/obj/lib/base/version.o: lib/base/version.c include/sbi/version.h \
 lib/base/isa.h
include/sbi/version.h:
lib/base/isa.h:
