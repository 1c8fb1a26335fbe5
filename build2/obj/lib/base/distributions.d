build/obj/lib/base/distributions.o: lib/base/distributions.c \
 lib/base/distributions.h
lib/base/distributions.h:
