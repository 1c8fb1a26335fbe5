# SPDX-License-Identifier: Apache-2.0
# libsbi-grid.so, the plugin for stores and executors that speak with servers: where libcurl, libyaml and expat are installed. And its tests,
# which start servers of their own on this machine: tests/servers.

GRID_PACKAGES := libcurl yaml-0.1 expat
HAVE_GRID := $(shell pkg-config --exists $(GRID_PACKAGES) 2>/dev/null && echo yes)
GRID_LIBS := $(shell pkg-config --libs $(GRID_PACKAGES) jansson zlib 2>/dev/null)
GRID_SONAME := libsbi-grid.so.$(ABI)
# Copies of what it needs of the library inside: all but what has state.
GRID_SHARED := $(addprefix lib/base/,adler32 base64 fail file log memory path sha256 table text) $(addprefix lib/io/,json json_text)
GRID_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/grid/*.c)) $(GRID_SHARED:%=$(BUILD)/obj/%.o)

$(BUILD)/obj/lib/grid/%.o: private PKG_CFLAGS += $(shell pkg-config --cflags $(GRID_PACKAGES) 2>/dev/null)
$(BUILD)/$(GRID_SONAME): $(GRID_OBJECTS) $(BUILD)/libsbi.so lib/grid/libsbi-grid.map
	@echo "  link  $(@F)"; $(CC) -shared -Wl,-soname,$(GRID_SONAME) -Wl,--version-script=lib/grid/libsbi-grid.map \
	    $(if $(and $(SANITIZE),$(IS_CLANG)),,-Wl$(comma)-z$(comma)defs) -Wl,-rpath,'$$ORIGIN' $(LDFLAGS_ALL) -o $@ $(GRID_OBJECTS) -L$(BUILD) -lsbi \
	    -Wl,--as-needed $(GRID_LIBS)

.PHONY: grid
ifeq ($(HAVE_GRID),yes)
lib: $(BUILD)/$(GRID_SONAME)
grid: $(BUILD)/$(GRID_SONAME) ## Build libsbi-grid.so
else
grid:
	@echo "no libcurl, libyaml or expat to compile against: make deps"; exit 1
endif
