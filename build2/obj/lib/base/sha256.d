build/obj/lib/base/sha256.o: lib/base/sha256.c lib/base/sha256.h \
 lib/base/sha256_blocks.h include/sbi/status.h include/sbi/version.h \
 lib/base/error.h
lib/base/sha256.h:
lib/base/sha256_blocks.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
