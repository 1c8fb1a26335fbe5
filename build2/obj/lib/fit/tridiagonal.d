build/obj/lib/fit/tridiagonal.o: lib/fit/tridiagonal.c \
 lib/fit/tridiagonal.h
lib/fit/tridiagonal.h:
