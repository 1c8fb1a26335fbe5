# SPDX-License-Identifier: Apache-2.0
# make install: headers, libraries, programs, pkg-config and CMake files. Honours DESTDIR, prefix, libdir, bindir, includedir.

libdir ?= $(prefix)/lib
bindir ?= $(prefix)/bin
includedir ?= $(prefix)/include
pythondir ?= $(libdir)/python3/dist-packages
D := $(DESTDIR)
relative = $(shell realpath -m --relative-to=$(1) $(2))
FILL = sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
       -e 's|@version@|$(VERSION)|' -e 's|@soname@|$(SONAME)|' -e 's|@libs@|$(LIBS)|' \
       -e 's|@to_lib@|$(call relative,$(libdir)/cmake/sbi,$(libdir))|' -e 's|@to_include@|$(call relative,$(libdir)/cmake/sbi,$(includedir))|'

# Installed programs find the library beside them wherever the tree is moved to; where the loader looks anyway they need no path.
RPATH = $(if $(filter /lib /lib/% /usr/lib /usr/lib/%,$(libdir)),,-Wl$(comma)-rpath$(comma)'$$ORIGIN/$(call relative,$(bindir),$(libdir))')
comma := ,

.PHONY: install install-python uninstall dist
install: lib programs ## Install under DESTDIR and prefix (/usr/local)
	install -d $(D)$(includedir)/sbi $(D)$(libdir)/pkgconfig $(D)$(libdir)/cmake/sbi $(D)$(bindir)
	install -m 644 include/sbi/*.h $(D)$(includedir)/sbi
	install -m 644 $(BUILD)/libsbi.a $(D)$(libdir)
	install -m 755 $(BUILD)/libsbi.so.$(VERSION) $(D)$(libdir)
	ln -sf libsbi.so.$(VERSION) $(D)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(D)$(libdir)/libsbi.so
	for p in $(notdir $(PROGRAMS)); do $(CC) $(LDFLAGS_ALL) -o $(D)$(bindir)/$$p $(BUILD)/obj/lib/programs/$${p//-/_}.o \
	    $$([ $$p = sbi-worker ] && echo $(WORKER_OBJECTS); [ $$p = sbi-campaign ] && echo $(CAMPAIGN_OBJECTS)) \
	    -L$(BUILD) -lsbi $(RPATH) -Wl,--as-needed $(LIBS); done
	if [ -e $(BUILD)/libsbi-cuda.so.$(ABI) ]; then install -m 755 $(BUILD)/libsbi-cuda.so.$(ABI) $(D)$(libdir); fi
	if [ -e $(BUILD)/$(GRID_SONAME) ]; then install -m 755 $(BUILD)/$(GRID_SONAME) $(D)$(libdir); fi
	$(FILL) pkgconfig/libsbi.pc.in > $(D)$(libdir)/pkgconfig/libsbi.pc
	$(FILL) pkgconfig/sbi-config.cmake.in > $(D)$(libdir)/cmake/sbi/sbi-config.cmake
	$(FILL) pkgconfig/sbi-config-version.cmake.in > $(D)$(libdir)/cmake/sbi/sbi-config-version.cmake

install-python: ## Install the Python package under pythondir (libdir/python3/dist-packages)
	install -d $(D)$(pythondir)/sbi/plots
	install -m 644 bindings/python/sbi/*.py $(D)$(pythondir)/sbi
	install -m 644 bindings/python/sbi/plots/*.py $(D)$(pythondir)/sbi/plots

uninstall: ## Remove what install and install-python put there
	rm -rf $(D)$(includedir)/sbi $(D)$(libdir)/cmake/sbi $(D)$(pythondir)/sbi
	rm -f $(D)$(libdir)/libsbi-cuda.so.$(ABI) $(D)$(libdir)/$(GRID_SONAME) $(D)$(libdir)/libsbi.a $(D)$(libdir)/libsbi.so $(D)$(libdir)/$(SONAME) $(D)$(libdir)/$(SONAME).* \
	    $(D)$(libdir)/libsbi.so.$(VERSION) $(D)$(libdir)/pkgconfig/libsbi.pc
	rm -f $(foreach p,$(notdir $(PROGRAMS)),$(D)$(bindir)/$(p))

dist: ## Pack the committed sources as libsbi-VERSION.tar.gz in the build folder
	@mkdir -p $(BUILD)
	git archive --prefix=libsbi-$(VERSION)/ -o $(BUILD)/libsbi-$(VERSION).tar.gz HEAD
