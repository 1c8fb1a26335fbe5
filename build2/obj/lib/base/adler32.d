build/obj/lib/base/adler32.o: lib/base/adler32.c lib/base/adler32.h
lib/base/adler32.h:
