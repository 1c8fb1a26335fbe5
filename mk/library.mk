# SPDX-License-Identifier: Apache-2.0
# libsbi.a, libsbi.so and the programs.

# A new room is a word here and a row in tests/rooms/check_rooms.py. The plugins lib/device/cuda (libsbi-cuda.so) and lib/grid
# (libsbi-grid.so) are not rooms of the core: they get fragments of their own beside this one, and link against libsbi.so.
ROOMS := base io device device/cpu net ratio tape tape/kernels model fit exec jobs
SOURCES := $(foreach r,$(ROOMS),$(wildcard lib/$(r)/*.c))
ISA_SOURCES := $(filter %.isa.c,$(SOURCES))
PLAIN_SOURCES := $(filter-out %.isa.c,$(SOURCES))
OBJECTS := $(PLAIN_SOURCES:%.c=$(BUILD)/obj/%.o) \
           $(foreach i,$(ISAS),$(ISA_SOURCES:%.isa.c=$(BUILD)/obj/%.$(i).o))
SONAME := libsbi.so.$(ABI)

# Rebuild when the compiler, a flag or a library changes; make the library anew when a file comes or goes.
FLAGS_NOW := $(COMPILER) $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(PKG_CFLAGS) $(LIBS) \
             $(foreach i,$(ISAS),$(ISA_FLAGS_$(i)))
record = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
$(BUILD)/flags: FORCE
	$(call record,$(FLAGS_NOW))
$(BUILD)/objects: FORCE
	$(call record,$(OBJECTS))
FORCE:
.PHONY: FORCE

COMPILE = @mkdir -p $(@D); echo "  cc    $(@:$(BUILD)/%=%)"; $(CC) $(CPPFLAGS_ALL) $(PKG_CFLAGS) $(CFLAGS_ALL)

# Loops over events and weights outside the kernels. (OPT of the command line, as sanitizers give it, stays in force.)
$(BUILD)/obj/lib/net/%.o $(BUILD)/obj/lib/device/cpu/%.o: OPT = -O3 -g
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(COMPILE) -MMD -MP -c $< -o $@

define isa_rule
$(BUILD)/obj/%.$(1).o: %.isa.c $(BUILD)/flags
	$$(COMPILE) $(if $(SANITIZE),,-O3) $(ISA_FLAGS_$(1)) -DSBI_ISA_SUFFIX=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$(i))))

$(BUILD)/libsbi.a: $(OBJECTS) $(BUILD)/objects
	@echo "  ar    $(@F)"; rm -f $@; ar rcs $@ $(OBJECTS)

# clang leaves the sanitizers' symbols to the program.
SHARED := -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libsbi.map $(if $(and $(SANITIZE),$(IS_CLANG)),,-Wl,-z,defs)
$(BUILD)/libsbi.so.$(VERSION): $(OBJECTS) $(BUILD)/objects lib/libsbi.map
	@echo "  link  $(@F)"; $(CC) $(SHARED) $(LDFLAGS_ALL) -o $@ $(OBJECTS) $(LIBS)
$(BUILD)/$(SONAME): $(BUILD)/libsbi.so.$(VERSION)
	@ln -sf $(<F) $@
$(BUILD)/libsbi.so: $(BUILD)/$(SONAME)
	@ln -sf $(<F) $@

# One program a file in lib/programs, one a folder in examples.
PROGRAM_SOURCES := $(wildcard lib/programs/*.c)
PROGRAMS := $(foreach p,$(PROGRAM_SOURCES),$(BUILD)/bin/$(subst _,-,$(basename $(notdir $(p)))))
EXAMPLE_FOLDERS := $(sort $(dir $(wildcard examples/*/*.c)))
EXAMPLES := $(foreach d,$(EXAMPLE_FOLDERS),$(BUILD)/bin/$(notdir $(d:%/=%)))
LINK_SBI = -L$(BUILD) -lsbi -Wl,-rpath,'$$ORIGIN/..' -Wl,--as-needed

# The programs are more than their main().
WORKER_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/programs/worker/*.c))
CAMPAIGN_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/programs/campaign/*.c))
$(BUILD)/bin/sbi-worker: $(WORKER_OBJECTS)
$(BUILD)/bin/sbi-campaign: $(CAMPAIGN_OBJECTS)
$(BUILD)/bin/sbi-%: $(BUILD)/obj/lib/programs/sbi_%.o $(BUILD)/libsbi.so
	@mkdir -p $(@D); echo "  link  $(@F)"; $(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(LINK_SBI) $(LIBS)

define example_rule
$(BUILD)/bin/$(notdir $(1:%/=%)): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)*.c)) $(BUILD)/libsbi.so
	@mkdir -p $$(@D); echo "  link  $$(@F)"; $$(CC) $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) $$(LINK_SBI) $$(LIBS)
endef
$(foreach d,$(EXAMPLE_FOLDERS),$(eval $(call example_rule,$(d))))

# The example of other fitters takes NLopt along where there is one.
NLOPT := $(shell pkg-config --exists nlopt 2>/dev/null && echo nlopt)
$(BUILD)/obj/examples/fitters/%.o: CPPFLAGS_ALL += $(if $(NLOPT),-DHAVE_NLOPT $(shell pkg-config --cflags nlopt))
$(BUILD)/bin/fitters: private LIBS += $(if $(NLOPT),$(shell pkg-config --libs nlopt))

.PHONY: all lib programs examples
all: lib programs examples ## Build the library, the programs and the examples
lib: $(BUILD)/libsbi.a $(BUILD)/libsbi.so ## Build libsbi.a and libsbi.so
programs: $(PROGRAMS) ## Build sbi-worker and sbi-campaign
examples: $(EXAMPLES) ## Build the examples

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
