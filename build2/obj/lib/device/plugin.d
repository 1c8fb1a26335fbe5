build/obj/lib/device/plugin.o: lib/device/plugin.c lib/device/plugin.h \
 lib/device/device.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h \
 lib/base/log.h lib/base/memory.h lib/base/plugin.h
lib/device/plugin.h:
lib/device/device.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
lib/base/log.h:
lib/base/memory.h:
lib/base/plugin.h:
