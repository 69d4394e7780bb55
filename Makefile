# qdebug - see README.md.  `make demo` and `make check` install what they need.
#
#   make            build/qdebug            make install PREFIX= DESTDIR=
#   make check      all tests               make bench     speed and memory table
#   make demo       the main job on a real model
#   V=1 shows commands; SAN=address,undefined (or thread) builds into its own
#   folder; WERROR=1 turns warnings into errors.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

PREFIX  ?= /usr/local
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif

B       := build
DEPS    := $(B)/deps
comma   := ,
ifneq ($(SAN),)
O       := $(B)/san-$(subst $(comma),-,$(SAN))
else
O       := $(B)/obj
endif

-include config.mk

PKGS    := ncursesw libprotobuf-c sqlite3 libzip nettle
WARN    := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-missing-field-initializers
CFLAGS  ?= -O2 -g
QFLAGS  := -std=c11 -D_GNU_SOURCE -fvisibility=hidden -ffp-contract=off -pthread $(WARN) \
           $(if $(WERROR),-Werror) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) \
           -Iinclude -Isrc -Iui -I. -I$(B)/gen -isystem $(DEPS)/onnxruntime/include \
           $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
QLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -ldl -pthread

ifeq ($(V),)
say = @printf '  %-5s %s\n' "$(1)" "$(2)";
else
say =
endif

GEN_SRC  := $(B)/gen/onnx/onnx.pb-c.c
LIB_SRC  := $(filter-out src/cli/main.c,$(wildcard src/*/*.c ui/*/*.c store/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/onnx.pb-c.o
TEST_SRC := $(wildcard tests/unit/test_*.c)
TESTS    := $(TEST_SRC:%.c=$(O)/%)
TLIB_OBJ := $(patsubst %.c,$(O)/%.o,$(wildcard tests/lib/*.c))

all: $(B)/qdebug

$(B)/qdebug: $(O)/qdebug
	@ln -sf $(patsubst $(B)/%,%,$<) $@

$(O)/qdebug: $(O)/src/cli/main.o $(O)/libqdebug.a
	$(call say,LD,$@)$(CC) $(QFLAGS) $(CFLAGS) -o $@ $^ $(QLIBS)

$(O)/libqdebug.a: $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(QFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_OBJ): | $(B)/gen/onnx/onnx.pb-c.h

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
$(patsubst %.c,$(O)/%.o,$(wildcard store/*.c)): $(patsubst store/%.sql,$(B)/gen/store/%.inc,$(wildcard store/*.sql))

$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(TLIB_OBJ) $(O)/libqdebug.a
	$(call say,LD,$@)$(CC) $(QFLAGS) $(CFLAGS) -o $@ $^ $(QLIBS) -lcmocka

unit: $(TESTS)
	@for t in $(TESTS); do $$t || exit 1; done

clean:
	rm -rf $(B)/obj $(B)/san-* $(B)/gen $(B)/qdebug

.PHONY: all unit clean check demo bench install
.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
