build/obj/lib/grid/yaml.o: lib/grid/yaml.c lib/grid/yaml.h lib/io/json.h \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h lib/base/error.h include/sbi/status.h
lib/grid/yaml.h:
lib/io/json.h:
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
lib/base/error.h:
include/sbi/status.h:
