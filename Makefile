# ae: autoencoders in PostgreSQL
#
#   make demo          see it work: installs what is missing, trains on a real table (make demo-clean)
#   make test          installs what is missing, runs every kind of test
#   make               build against PG_CONFIG (default: pg_config)
#   make install       into that server's directories
#   make installcheck  pg_regress and TAP tests against an installed and running server
#   make unit tap regress fuzz sanitize check-style    one kind of test (tests/README.md)
#   make soak          the long form of tests that have one
#   make test-versions PG_CONFIGS="..."    build and regression tests against several servers
#   make deb           Debian packages;  make dist: the archive for PGXN
#   make bench         speed, beside other software
#   make format        clang-format over the sources
#
# The targets of demo and test work where there is neither compiler nor server yet.

.DEFAULT_GOAL := all

EXTENSION = ae
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" ae.control)
MODULE_big = ae
DATA = $(sort $(wildcard sql/ae--*.sql))

ENGINE_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/engine/*/*.c)))
BINDING_OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/pg/*/*.c)))
OBJS = $(ENGINE_OBJS) $(BINDING_OBJS)

REGRESS = $(patsubst sql/%.sql,%,$(filter-out $(DATA),$(sort $(wildcard sql/*.sql))))
TAP_TESTS = 1
PROVE_TESTS = tests/tap/*.pl
EXTRA_CLEAN = $(OBJS:.o=.d)

# ---- flags --------------------------------------------------------------------------------------

# BLAS is loaded when the first training asks for it; only its header is needed to build.
OPENBLAS_SONAME ?= libopenblas.so.0
BLAS_CPPFLAGS ?= $(or $(shell pkg-config --cflags openblas 2>/dev/null), \
	$(addprefix -I,$(firstword $(wildcard /usr/include/openblas /usr/local/opt/openblas/include))))
BLAS_LIBS ?= $(or $(shell pkg-config --libs openblas 2>/dev/null),-lopenblas)

ifneq ($(filter-out 0 no false,$(WERROR) $(CI)),)
WERROR_CFLAGS = -Werror
endif

# A build with sanitizers, in a tree of its own (tests/run.pl sanitize).
ifneq ($(filter-out 0 no,$(SANITIZE)),)
SANITIZE_CFLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
SANITIZE_LIBS = -fsanitize=address,undefined
endif

# No -ffast-math: it would change what NaN means, reorder sums, and set flush-to-zero for the whole
# backend when linked.  No -march=native: wide vectors are chosen at run time.  No contraction:
# where a multiply-add is fused, the source says so, or a score would depend on the compiler.
ENGINE_INCLUDES = $(addprefix -I,$(sort $(dir $(wildcard src/engine/*/*.h))))
ENGINE_CPPFLAGS = $(ENGINE_INCLUDES) $(BLAS_CPPFLAGS)
ENGINE_CFLAGS = -std=c11 -O3 -g -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno \
	-fno-trapping-math -Wall -Wextra $(WERROR_CFLAGS) $(SANITIZE_CFLAGS) $(COPT)

ifneq ($(filter x86_64-% amd64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
AVX2_CFLAGS = -mavx2 -mfma
AVX512_CFLAGS = $(AVX2_CFLAGS) -mavx512f -mavx512dq -mavx512bw -mavx512vl \
	-mprefer-vector-width=512
endif
%/ae_kernel_avx2.o: ISA_CFLAGS = $(AVX2_CFLAGS)
%/ae_kernel_avx512.o: ISA_CFLAGS = $(AVX512_CFLAGS)

PG_CPPFLAGS = $(ENGINE_INCLUDES) $(addprefix -I,$(sort $(dir $(wildcard src/pg/*/*.h)))) $(BLAS_CPPFLAGS) \
	-DAE_OPENBLAS_SONAME='"$(OPENBLAS_SONAME)"' -DAE_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -ffp-contract=off $(WERROR_CFLAGS) $(SANITIZE_CFLAGS)
SHLIB_LINK = -lm $(if $(filter Linux,$(shell uname -s)),-ldl) $(SANITIZE_LIBS)

# ---- PGXS, where there is a server to build against ---------------------------------------------

# No LLVM bitcode: a query compiled just in time could inline a kernel into code for another
# instruction set or with other contraction, and entry points that fetch their arguments through
# fmgr gain nothing from it.
override with_llvm := no

PG_CONFIG ?= pg_config
export PG_CONFIG
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
# The server may have been built by a newer compiler, which knows more warnings.
override CFLAGS := $(filter-out $(shell LC_ALL=C $(CC) $(filter -W%,$(CFLAGS)) -fsyntax-only -x c /dev/null 2>&1 | \
	sed -n "s/.*unrecognized command-line option '\(-W[^']*\)'.*/\1/p"),$(CFLAGS))
else
all install installcheck:
	@echo "'$(PG_CONFIG) --pgxs' names no file: install the server's development package" \
		"(Debian: postgresql-server-dev-NN), or say make PG_CONFIG=/path/to/pg_config;" \
		"'make demo' and 'make test' install what is missing." >&2; exit 1
clean:
	rm -rf $(OBJS) $(EXTRA_CLEAN) ae.so tmp_check
endif

# Engine objects see no header of PostgreSQL; binding objects see both sides.
src/engine/%.o: src/engine/%.c
	$(CC) $(ENGINE_CPPFLAGS) $(ENGINE_CFLAGS) $(ISA_CFLAGS) -MMD -MP -c -o $@ $<

src/pg/%.o: src/pg/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# A change of flags above rebuilds; a change of a header rebuilds what included it.
$(OBJS): Makefile ae.control
-include $(OBJS:.o=.d)

# ---- tests, demo, benchmark ---------------------------------------------------------------------

# What `make bench` measures with, and what prints golden values; `make test` builds them, so that they
# go on to fit the engine.
BENCH_PROGRAMS = $(patsubst %.c,tmp_check/%,$(wildcard tests/bench/*.c tests/golden/*.c))
bench-programs: $(BENCH_PROGRAMS)
tmp_check/tests/%: tests/%.c $(ENGINE_OBJS)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O3 -ffp-contract=off -Wall $(WERROR_CFLAGS) $(ENGINE_CPPFLAGS) -Itests/unit -o $@ $< \
		$(ENGINE_OBJS) $(BLAS_LIBS) -lm

include tests/unit/unit.mk
include tests/fuzz/fuzz.mk

.PHONY: bench-programs demo demo-clean test unit tap regress readme soak fuzz sanitize check-style format bench test-versions deb dist

# Each begins with the packages it needs, then starts make anew: pg_config may be there only now.
demo:
	@tests/setup.sh build
	+@$(MAKE) --no-print-directory demo-run
demo-run:
	+@perl tests/demo.pl
demo-clean:
	@perl tests/demo.pl clean

test:
	@tests/setup.sh build test
	+@$(MAKE) --no-print-directory test-run
test-run:
	+@perl tests/run.pl

unit tap regress readme:
	+@perl tests/run.pl $@

# Twenty minutes of it; `make test` does half a minute.
FUZZ_SECONDS ?= 1200
fuzz sanitize:
	+@FUZZ_SECONDS=$(FUZZ_SECONDS) perl tests/run.pl $@

# 200 cancelled trainings, 100,000 mutated models, 10,000 statements on shared models, 200 killed servers,
# a fault at every allocation and at every access to a temporary file, 20,000 random sets of options under
# sanitizers; the server's own tests with nodes that read ahead.
soak:
	+@perl tests/server.pl
	+@AE_SOAK=1 perl tests/run.pl tap=interrupts tap=hostile tap=stress tap=checkpoints tap=faults sanitize=random_options

check-style:
	@perl tests/check_style.pl

format:
	clang-format -i --style=file $(wildcard src/*/*/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch])

# Servers that are there: make test-versions PG_CONFIGS="/usr/lib/postgresql/*/bin/pg_config"
test-versions:
	+@tests/versions.sh $(PG_CONFIGS)

deb:
	@tests/setup.sh build deb
	@tests/deb.sh build

dist:
	@perl tests/dist.pl

bench:
	@tests/setup.sh build bench
	+@tests/bench/run.sh
