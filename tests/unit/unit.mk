# Unit tests of the engine: every tests/unit/test_*.c, in up to four builds.
#
#   float            the product's scalar
#   double           the same sources with AE_DOUBLE: gradients to 1e-6 and better
#   float-sanitize   AddressSanitizer and UndefinedBehaviorSanitizer
#   double-sanitize  only of what is built in double alone: the others run sanitized in float
#
# A file that says, in its first five lines, "build: float" or "build: double" in a comment is
# built that way only.  Other .c files here are helpers, linked into every test.

UNIT_DIR = tmp_check/unit
UNIT_BUILDS = float double float-sanitize double-sanitize
UNIT_TESTS = $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS = $(filter-out $(UNIT_TESTS),$(sort $(wildcard tests/unit/*.c)))
UNIT_LIBS = -lcmocka $(BLAS_LIBS) -lm -lpthread
UNIT_ASAN = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined

UNIT_CPPFLAGS = -Itests/unit -DUNIT_DATA_DIR='"tests/data"'

UNIT_CFLAGS_double = -DAE_DOUBLE
UNIT_CFLAGS_float-sanitize = $(UNIT_ASAN)
UNIT_CFLAGS_double-sanitize = -DAE_DOUBLE $(UNIT_ASAN)

# $(call unit_only,double): tests that are built in double alone
unit_only = $(if $(UNIT_TESTS),$(shell awk 'FNR <= 5 && /build: $(1)/ { print FILENAME }' $(UNIT_TESTS)))
UNIT_TESTS_double := $(filter-out $(call unit_only,float),$(UNIT_TESTS))
UNIT_TESTS_float := $(filter-out $(call unit_only,double),$(UNIT_TESTS))
UNIT_TESTS_double-sanitize := $(call unit_only,double)
UNIT_TESTS_float-sanitize := $(UNIT_TESTS_float)

# $(call unit_rules,build)
define unit_rules
UNIT_OBJS_$(1) = $$(patsubst src/engine/%.c,$(UNIT_DIR)/$(1)/%.o,$$(sort $$(wildcard src/engine/*/*.c))) \
	$$(patsubst tests/unit/%.c,$(UNIT_DIR)/$(1)/%.o,$$(UNIT_HELPERS))
UNIT_BINARIES += $$(patsubst tests/unit/%.c,$(UNIT_DIR)/$(1)/%,$$(UNIT_TESTS_$(1)))

$(UNIT_DIR)/$(1)/%.o: src/engine/%.c Makefile tests/unit/unit.mk
	@mkdir -p $$(@D)
	$$(CC) $$(ENGINE_CPPFLAGS) $$(ENGINE_CFLAGS) $$(UNIT_CFLAGS_$(1)) $$(ISA_CFLAGS) -MMD -MP -c -o $$@ $$<

$(UNIT_DIR)/$(1)/%.o: tests/unit/%.c Makefile tests/unit/unit.mk
	@mkdir -p $$(@D)
	$$(CC) $$(ENGINE_CPPFLAGS) $$(UNIT_CPPFLAGS) $$(ENGINE_CFLAGS) -O2 -Wno-missing-field-initializers $$(UNIT_CFLAGS_$(1)) -MMD -MP -c -o $$@ $$<

$(UNIT_DIR)/$(1)/test_%: $(UNIT_DIR)/$(1)/test_%.o $$(UNIT_OBJS_$(1))
	$$(CC) $$(UNIT_CFLAGS_$(1)) -o $$@ $$^ $$(UNIT_LIBS)

-include $$(wildcard $(UNIT_DIR)/$(1)/*.d $(UNIT_DIR)/$(1)/*/*.d)
endef
$(foreach build,$(UNIT_BUILDS),$(eval $(call unit_rules,$(build))))

.SECONDARY:
.PHONY: unit-build unit-list
unit-build: $(UNIT_BINARIES)
unit-list:
	@printf '%s\n' $(UNIT_BINARIES)
