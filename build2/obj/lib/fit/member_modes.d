build/obj/lib/fit/member_modes.o: lib/fit/member_modes.c lib/base/error.h \
 include/sbi/status.h include/sbi/version.h lib/base/log.h \
 include/sbi/context.h include/sbi/status.h lib/base/memory.h \
 lib/fit/ensemble.h lib/model/members.h include/sbi/array.h \
 include/sbi/context.h include/sbi/systematics.h include/sbi/array.h \
 include/sbi/fit.h include/sbi/model.h include/sbi/tape.h \
 lib/fit/trust_region.h
lib/base/error.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/log.h:
include/sbi/context.h:
include/sbi/status.h:
lib/base/memory.h:
lib/fit/ensemble.h:
lib/model/members.h:
include/sbi/array.h:
include/sbi/context.h:
include/sbi/systematics.h:
include/sbi/array.h:
include/sbi/fit.h:
include/sbi/model.h:
include/sbi/tape.h:
lib/fit/trust_region.h:
