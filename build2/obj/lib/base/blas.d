build/obj/lib/base/blas.o: lib/base/blas.c lib/base/blas.h lib/base/isa.h
lib/base/blas.h:
lib/base/isa.h:
