build/obj/lib/base/processors.o: lib/base/processors.c \
 lib/base/processors.h
lib/base/processors.h:
