build/obj/lib/grid/md5.o: lib/grid/md5.c lib/grid/md5.h
lib/grid/md5.h:
