# SPDX-License-Identifier: Apache-2.0
# make install: headers, libraries, programs, pkg-config and CMake files. Honours DESTDIR, prefix, libdir, bindir, includedir.

libdir ?= $(prefix)/lib
bindir ?= $(prefix)/bin
includedir ?= $(prefix)/include
D := $(DESTDIR)
FILL = sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@version@|$(VERSION)|' -e 's|@soname@|$(SONAME)|' \
       -e 's|@libs@|$(LIBS)|' -e 's|@to_prefix@|$(shell realpath -m --relative-to=$(libdir)/cmake/sbi $(prefix))|'

.PHONY: install uninstall
install: lib programs ## Install under DESTDIR and prefix (/usr/local)
	install -d $(D)$(includedir)/sbi $(D)$(libdir)/pkgconfig $(D)$(libdir)/cmake/sbi $(D)$(bindir)
	install -m 644 include/sbi/*.h $(D)$(includedir)/sbi
	install -m 644 $(BUILD)/libsbi.a $(D)$(libdir)
	install -m 755 $(BUILD)/libsbi.so.$(VERSION) $(D)$(libdir)
	ln -sf libsbi.so.$(VERSION) $(D)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(D)$(libdir)/libsbi.so
	$(if $(PROGRAMS),install -m 755 $(PROGRAMS) $(D)$(bindir))
	$(FILL) pkgconfig/libsbi.pc.in > $(D)$(libdir)/pkgconfig/libsbi.pc
	$(FILL) pkgconfig/sbi-config.cmake.in > $(D)$(libdir)/cmake/sbi/sbi-config.cmake
	$(FILL) pkgconfig/sbi-config-version.cmake.in > $(D)$(libdir)/cmake/sbi/sbi-config-version.cmake

uninstall: ## Remove what install put there
	rm -rf $(D)$(includedir)/sbi $(D)$(libdir)/cmake/sbi
	rm -f $(D)$(libdir)/libsbi.a $(D)$(libdir)/libsbi.so* $(D)$(libdir)/pkgconfig/libsbi.pc
	rm -f $(foreach p,$(notdir $(PROGRAMS)),$(D)$(bindir)/$(p))
