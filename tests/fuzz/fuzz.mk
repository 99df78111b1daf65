# Fuzzers: every tests/fuzz/fuzz_*.c, linked with the engine under libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer.  Needs clang with its run-time library (Debian: clang, libclang-rt-dev).

FUZZ_CC ?= clang
FUZZ_DIR = tmp_check/fuzz
FUZZ_TESTS = $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_HELPERS = $(filter-out $(FUZZ_TESTS),$(sort $(wildcard tests/fuzz/*.c)))
FUZZ_BINARIES = $(patsubst tests/fuzz/%.c,$(FUZZ_DIR)/%,$(FUZZ_TESTS))
FUZZ_OBJS = $(patsubst src/engine/%.c,$(FUZZ_DIR)/%.o,$(sort $(wildcard src/engine/*/*.c))) \
	$(patsubst tests/fuzz/%.c,$(FUZZ_DIR)/%.o,$(FUZZ_HELPERS))
FUZZ_CFLAGS = -std=c11 -O1 -g -fno-omit-frame-pointer -ffp-contract=off \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined

$(FUZZ_DIR)/%.o: src/engine/%.c Makefile tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ENGINE_CPPFLAGS) $(FUZZ_CFLAGS) $(ISA_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_DIR)/%.o: tests/fuzz/%.c Makefile tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ENGINE_CPPFLAGS) -Itests/fuzz $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_DIR)/fuzz_%: $(FUZZ_DIR)/fuzz_%.o $(FUZZ_OBJS)
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(BLAS_LIBS) -lm

-include $(wildcard $(FUZZ_DIR)/*.d $(FUZZ_DIR)/*/*.d)

.PHONY: fuzz-build fuzz-list
fuzz-build: $(FUZZ_BINARIES)
fuzz-list:
	@printf '%s\n' $(FUZZ_BINARIES)
