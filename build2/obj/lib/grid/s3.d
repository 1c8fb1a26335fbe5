build/obj/lib/grid/s3.o: lib/grid/s3.c lib/grid/s3.h \
 lib/grid/credentials.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/grid/grid.h include/sbi/store.h \
 include/sbi/executor.h include/sbi/context.h lib/grid/http.h \
 lib/base/text.h lib/base/error.h include/sbi/status.h lib/base/memory.h \
 lib/base/sha256.h lib/base/sha256_blocks.h lib/grid/config.h \
 lib/io/json.h lib/grid/listing.h lib/grid/secret.h lib/grid/xml.h
lib/grid/s3.h:
lib/grid/credentials.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/grid/grid.h:
include/sbi/store.h:
include/sbi/executor.h:
include/sbi/context.h:
lib/grid/http.h:
lib/base/text.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/memory.h:
lib/base/sha256.h:
lib/base/sha256_blocks.h:
lib/grid/config.h:
lib/io/json.h:
lib/grid/listing.h:
lib/grid/secret.h:
lib/grid/xml.h:
