build/obj/lib/base/isa.o: lib/base/isa.c lib/base/isa.h
lib/base/isa.h:
