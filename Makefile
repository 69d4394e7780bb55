# qdebug - see README.md.  `make demo` and `make check` install what they need.
#
#   make            build/qdebug            make install PREFIX= DESTDIR=
#   make check      all tests               make bench     speed and memory table
#   make demo       the main job on a real model
#   make deps       what the build needs    make models    networks and inputs
#   make clean      objects and program     make distclean the whole of build/
#   V=1 shows commands; SAN=address,undefined (or thread) builds into its own
#   folder; WERROR=1 turns warnings into errors.
#   ONNXRUNTIME_DIR=DIR builds with an unpacked ONNX Runtime release (include/,
#   lib/), ONNXRUNTIME=pkg-config with the installed package. Settings can stay
#   in config.mk.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

VERSION := 0.1.0
PREFIX  ?= /usr/local
CORES   := $(shell nproc)
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif

comma   := ,
B       := build
DEPS    := $(B)/deps
comma   := ,
ifneq ($(SAN),)
O       := $(B)/san-$(subst $(comma),-,$(SAN))
else
O       := $(B)/obj
endif

-include config.mk

# tools/setup.sh installs and fetches what is missing and writes flags.mk; make
# reads itself again after that, so plain `make` works on a fresh machine. Another
# engine than last time means another flags.mk.
ENGINE  := $(if $(ONNXRUNTIME_DIR),dir $(ONNXRUNTIME_DIR),$(or $(ONNXRUNTIME),wheel))
NODEPS  := clean distclean help uninstall
ifneq ($(filter-out $(NODEPS),$(or $(MAKECMDGOALS),all)),)
include $(DEPS)/flags.mk
ifneq ($(ENGINE),$(or $(ENGINE_USED),$(ENGINE)))
$(DEPS)/flags.mk: FORCE
endif
endif

WARN    := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-missing-field-initializers
CFLAGS  ?= -O2 -g
QFLAGS  := -std=c11 -D_GNU_SOURCE -fvisibility=hidden -ffp-contract=off -pthread $(WARN) \
           $(if $(WERROR),-Werror) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
           -Iinclude -Isrc -Iui -I. -I$(B)/gen -isystem $(DEPS)/onnxruntime/include \
           -DQDEBUG_VERSION=\"$(VERSION)\" $(PKG_CFLAGS)
QLIBS   := $(PKG_LIBS) -lm -ldl -pthread

ifeq ($(V),)
say = @printf '  %-5s %s\n' "$(1)" "$(2)";
else
say =
endif

GEN_SRC  := $(B)/gen/onnx/onnx.pb-c.c
LIB_SRC  := $(filter-out src/cli/main.c,$(wildcard src/*/*.c ui/*/*.c store/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/onnx.pb-c.o
TEST_SRC := $(wildcard tests/unit/test_*.c tests/fault/test_*.c)
TESTS    := $(TEST_SRC:%.c=$(O)/%)
PROBES   := $(patsubst %.c,$(O)/%,$(wildcard tests/oracle/*.c))
BENCHES  := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*.c))
TLIB_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard tests/lib/*.c))
SQL_INC  := $(patsubst %.sql,$(B)/gen/%.inc,$(wildcard store/*.sql))
MAIN     := $(wildcard src/cli/main.c)

# A build with SAN= stays in its folder; build/qdebug is always the plain one.
all: $(if $(MAIN),$(if $(SAN),$(O)/qdebug,$(B)/qdebug),$(O)/libqdebug.a)

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

deps: ;

$(DEPS)/flags.mk: tools/setup.sh tools/lib.sh
	@ONNXRUNTIME_DIR='$(ONNXRUNTIME_DIR)' ONNXRUNTIME='$(ONNXRUNTIME)' tools/setup.sh
$(DEPS)/onnx/onnx.proto: ;

# Programs look for the engine library in deps/ beside themselves.
find_engine = @ln -sfn $(abspath $(DEPS)) $(@D)/deps

$(B)/qdebug: $(O)/qdebug
	@ln -f $< $@

$(O)/qdebug: $(O)/src/cli/main.o $(O)/libqdebug.a
	$(call say,LD,$@)$(CC) $(QFLAGS) $(CFLAGS) -o $@ $^ $(QLIBS)
	$(find_engine)

$(O)/libqdebug.a: $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(QFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_OBJ) $(TLIB_OBJ) $(TESTS:%=%.o) $(PROBES:%=%.o) $(BENCHES:%=%.o) $(MAIN:%.c=$(O)/%.o): | $(B)/gen/onnx/onnx.pb-c.h
# system headers are in no .d file: another engine's header must rebuild its users
$(filter $(O)/src/engine/%,$(LIB_OBJ)): $(wildcard $(DEPS)/onnxruntime/include/onnxruntime_c_api.h)

$(O)/gen/onnx.pb-c.o: $(GEN_SRC)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(QFLAGS) -w $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/onnx/onnx.pb-c.c: $(DEPS)/onnx/onnx.proto
	@mkdir -p $(@D)
	$(call say,PROTO,$<)protoc-c -I$(DEPS)/onnx --c_out=$(@D) onnx.proto
$(B)/gen/onnx/onnx.pb-c.h: $(B)/gen/onnx/onnx.pb-c.c ;

# SQL and other text that is compiled in: store/schema.sql -> gen/store/schema.inc
$(B)/gen/%.inc: %.sql
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@
$(filter $(O)/store/%,$(LIB_OBJ)): $(SQL_INC)

$(TESTS) $(PROBES) $(BENCHES): %: %.o $(TLIB_OBJ) $(O)/libqdebug.a
	$(call say,LD,$@)$(CC) $(QFLAGS) $(CFLAGS) -o $@ $^ $(QLIBS) -lcmocka
	$(find_engine)

models:
	@tools/models.sh all

demo: all
	@tools/models.sh demo
	@mkdir -p $(B)/demo
	$(B)/qdebug preprocess $(B)/models/det/raw.onnx -o $(B)/demo/det.onnx
	$(B)/qdebug $(B)/demo/det.onnx --data $(B)/data/demo --store $(B)/demo.qdb

# Three builds, one count: everything plain, then the unit, fault and command line
# tests again under the address and undefined behaviour sanitizers, then those with
# threads under the thread sanitizer. tests/run.sh reads NAME=VALUE as environment
# of the tests after it.
ASAN    := $(B)/san-address-undefined
TSAN    := $(B)/san-thread
JOBS    := $(basename $(wildcard tests/unit/test_session_*.c tests/unit/test_*job*.c \
           tests/unit/test_base_log.c))
SCRIPTS := $(filter-out tests/bench/%,$(wildcard tests/*/run.sh tests/*/*/run.sh))

check:
	@$(MAKE) --no-print-directory -j$(CORES) all tests probes models
	@$(MAKE) --no-print-directory -j$(CORES) SAN=address,undefined all tests
	@$(if $(JOBS),$(MAKE) --no-print-directory -j$(CORES) SAN=thread $(JOBS:%=$(TSAN)/%))
	@CHECK_CC='$(CC) $(QFLAGS)' tests/run.sh QDEBUG=$(B)/qdebug $(SCRIPTS) $(TESTS) \
		QDEBUG=$(ASAN)/qdebug $(TESTS:$(O)/%=$(ASAN)/%) $(filter %/cli/run.sh,$(SCRIPTS)) \
		$(JOBS:%=$(TSAN)/%)

# the programs of the tests only, and only the unit tests run
tests: $(TESTS)
probes: $(PROBES)
unit: $(TESTS)
	@tests/run.sh $(TESTS)

# Every setting against every graph: hours, for a machine that has them.
torture: all $(PROBES) models
	tests/oracle/requant/run.sh --full

bench: all models $(BENCHES)
	@tests/bench/run.sh

# The engine library goes beside the program, except when it is the system's own.
BIN     := $(DESTDIR)$(PREFIX)/bin
LIB     := $(DESTDIR)$(PREFIX)/lib/qdebug
INC     := $(DESTDIR)$(PREFIX)/include/qdebug
MAN     := $(DESTDIR)$(PREFIX)/share/man
MANS    := $(wildcard man/*.[1-8])
ENGLIB   = $(realpath $(DEPS)/onnxruntime/lib/libonnxruntime.so)

install: all
	install -D -m 755 $(O)/qdebug $(BIN)/qdebug
	install -d $(INC)
	install -m 644 $(wildcard include/qdebug/*.h) $(INC)
	$(foreach m,$(MANS),install -D -m 644 $m $(MAN)/man$(subst .,,$(suffix $m))/$(notdir $m)$(nl))
ifneq ($(ENGINE),pkg-config)
	install -D -m 644 $(ENGLIB) $(LIB)/$(notdir $(ENGLIB))
	ln -sf $(notdir $(ENGLIB)) $(LIB)/libonnxruntime.so.1
	ln -sf $(notdir $(ENGLIB)) $(LIB)/libonnxruntime.so
endif

uninstall:
	rm -rf $(BIN)/qdebug $(LIB) $(INC)
	rm -f $(foreach m,$(MANS),$(MAN)/man$(subst .,,$(suffix $m))/$(notdir $m))

clean:
	rm -rf $(B)/obj $(B)/san-* $(B)/gen $(B)/log $(B)/qdebug

distclean:
	rm -rf $(B)

define nl


endef

.PHONY: probes torture all help deps models demo check tests unit bench install uninstall clean distclean FORCE
.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
