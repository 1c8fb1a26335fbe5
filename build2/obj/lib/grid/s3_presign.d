build/obj/lib/grid/s3_presign.o: lib/grid/s3_presign.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/memory.h \
 include/sbi/context.h include/sbi/status.h lib/base/sha256.h \
 lib/base/sha256_blocks.h lib/grid/hmac.h lib/grid/listing.h \
 include/sbi/store.h include/sbi/executor.h include/sbi/context.h \
 lib/grid/s3.h lib/grid/credentials.h lib/grid/grid.h lib/grid/http.h \
 lib/base/text.h lib/grid/secret.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/memory.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/grid/hmac.h:
lib/grid/listing.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/grid/s3.h:
lib/grid/credentials.h:
lib/grid/grid.h:
lib/grid/http.h:
lib/base/text.h:
lib/grid/secret.h:
