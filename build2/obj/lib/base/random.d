build/obj/lib/base/random.o: lib/base/random.c lib/base/random.h
lib/base/random.h:
