# SPDX-License-Identifier: Apache-2.0
# Tests: each tests/{unit,contract,physics,torture}/test_*.c is a Check program linked with libsbi.a.

TEST_KINDS := unit contract physics torture
TEST_SUPPORT := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c) $(filter-out tests/contract/test_%,$(wildcard tests/contract/*.c)))
define test_kind
TESTS_$(1) := $$(patsubst tests/%.c,$$(BUILD)/tests/%,$$(wildcard tests/$(1)/test_*.c))
.PHONY: $(1)
$(1): $$(TESTS_$(1)) ## Run the tests of tests/$(1)
	@for t in $$(TESTS_$(1)); do echo "-- $$$$t"; $$$$t; done
endef
$(foreach k,$(TEST_KINDS),$(eval $(call test_kind,$(k))))

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_SUPPORT) $(BUILD)/libsbi.a
	@mkdir -p $(@D); echo "  link  $(@:$(BUILD)/%=%)"
	@$(CC) $(LDFLAGS_ALL) -o $@ $< $(TEST_SUPPORT) $(BUILD)/libsbi.a $(LIBS) $(CHECK_LIBS)
$(BUILD)/obj/tests/%.o: CPPFLAGS_ALL += -Itests

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libsbi.a
	@mkdir -p $(@D); $(CC) $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libsbi.a $(LIBS)

.PRECIOUS: $(BUILD)/obj/%.o

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 20
