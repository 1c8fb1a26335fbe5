build/obj/lib/grid/hmac.o: lib/grid/hmac.c lib/grid/hmac.h \
 lib/base/sha256.h lib/base/sha256_blocks.h include/sbi/status.h \
 include/sbi/version.h
lib/grid/hmac.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
include/sbi/status.h:
include/sbi/version.h:
