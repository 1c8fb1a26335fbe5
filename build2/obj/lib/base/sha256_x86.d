build/obj/lib/base/sha256_x86.o: lib/base/sha256_x86.c \
 lib/base/sha256_blocks.h
lib/base/sha256_blocks.h:
