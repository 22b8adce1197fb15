# SPDX-License-Identifier: ISC
# Aumbry: `make help` lists what can be made.

.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/sh

MODE ?= release
B := build/$(MODE)
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '%-6s %s\n' '$1' '$2')
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 3600
PREFIX ?= /usr/local

ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(MODE)),clang-14,gcc)
endif

# ---- flags ---------------------------------------------------------------

PKGS := libsodium libcrypto libmicrohttpd libcurl sqlite3 libzstd libxxhash jansson \
	inih fuse3 liboath libqrencode libsystemd libfido2 libcbor libmaxminddb gnutls
# Headers alone: what they describe is loaded at run time.
HEADER_PKGS := p11-kit-1
# Asked at first use, and once: `check` and `demo` install them first.
once = $(eval $1 := $(shell pkg-config $2))$($1)
PKG_CFLAGS = $(call once,PKG_CFLAGS,--cflags $(PKGS) $(HEADER_PKGS))
PKG_LIBS = $(call once,PKG_LIBS,--libs $(PKGS) libssl)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wundef -Wvla -Werror \
	-Wno-missing-field-initializers \
	$(if $(findstring gcc,$(CC)),-Wno-format-truncation)

SAN_address := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_release := -O2 -D_FORTIFY_SOURCE=2
FLAGS_debug := -O0
FLAGS_asan := -O1 -fno-omit-frame-pointer $(SAN_address)
FLAGS_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_cov := -O0 --coverage -fprofile-update=atomic
FLAGS_fuzz := -O1 -fno-omit-frame-pointer $(SAN_address) \
	-fsanitize=fuzzer-no-link
MODES := release debug asan tsan cov fuzz
ifeq ($(filter $(MODE),$(MODES)),)
$(error MODE=$(MODE): choose one of $(MODES))
endif

CFLAGS_ALL = -std=c11 -D_GNU_SOURCE $(WARN) -g -fstack-protector-strong \
	-fPIE $(FLAGS_$(MODE)) -Isrc $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL := $(FLAGS_$(MODE)) -pie -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS = -Wl,--as-needed $(PKG_LIBS) -lunistring -lpthread -lm

# ---- what there is -------------------------------------------------------

SERVER_LAYERS := http server factor api
CLIENT_LAYERS := base wire store vault link client join mail files content backup profile export schedule tree drive cmd
LAYERS := $(CLIENT_LAYERS) $(SERVER_LAYERS) escrow disclose
# The second back end of digest.h is for WebAssembly alone.
objs = $(patsubst %.c,$(B)/obj/%.o,$(filter-out \
	src/wire/digest_sodium.c,$(wildcard $1)))
libs = $(foreach l,$1,$(if $(wildcard src/$l/*.c),$(B)/lib$l.a))
group = -Wl,--start-group $(filter %.a,$^) -Wl,--end-group

ARCHIVES := $(call libs,$(LAYERS))
# What tests stand on that is no program: a disk of memory.
SIM := $(call objs,tests/sim/memdisk*.c)
PROGRAMS := $(addprefix $(B)/,aumbry aumbryd aumbry-escrow)
names = $(patsubst $1/%.c,%,$(wildcard $1/$2.c))
UNIT := $(patsubst %,$(B)/tests/%,$(call names,tests/unit,test_*))
TEST_TOOLS := $(patsubst %,$(B)/tests/%,$(call names,tests/tools,*))
BENCHES := $(patsubst %,$(B)/bench/%,$(call names,tests/bench,*))
FUZZERS := $(patsubst fuzz_%,%,$(call names,tests/fuzz,fuzz_*))
REPLAYS := $(patsubst %,$(B)/fuzz/replay_%,$(FUZZERS))
E2E := $(sort $(wildcard tests/e2e/*.t))

# ---- targets -------------------------------------------------------------

.PHONY: all programs tests replays benches fuzzers archives check check-all \
	check-asan check-tsan \
	demo demo-run bench bench-drive bench-memory bench-messages bench-page bench-server bench-peers screenshots lint fuzz fuzz-run soak cov format \
	docs clean help

all: programs
ifeq ($(MODE),release)
	@mkdir -p bin; for p in $(notdir $(PROGRAMS)); do \
		ln -sfn "../$(B)/$$p" "bin/$$p"; done
endif
programs: $(PROGRAMS)
tests: $(UNIT) $(TEST_TOOLS)
replays: $(REPLAYS)
benches: $(BENCHES)
fuzzers: $(patsubst %,$(B)/fuzz/fuzz_%,$(FUZZERS))
archives: $(ARCHIVES)

help:
	@echo 'make              build/release/, linked from bin/'
	@echo 'make demo         set up, build, and show everything once'
	@echo 'make check        set up, build, run every test'
	@echo 'make check-asan   every test under the address sanitizer'
	@echo 'make check-tsan   end-to-end tests under the thread sanitizer'
	@echo 'make lint         the rules of STYLE.md; part of check, and deeper'
	@echo 'make format       clang-format over all C files'
	@echo 'make fuzz         each fuzzer for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make soak         end-to-end tests for SOAK_SECONDS ($(SOAK_SECONDS))'
	@echo 'make bench        our own stages in MB/s'
	@echo 'make bench-drive  the Drive and its peers in one session'
	@echo 'make bench-server what strangers and sleeping devices cost the server'
	@echo 'make bench-memory a backup of a million files'
	@echo 'make bench-messages  letters, from the seal to a new device'
	@echo 'make bench-peers  us and the peers in one session'
	@echo 'make screenshots  the account page, every state, into build/screenshots/'
	@echo 'make cov          lines of each file that the unit tests reach'
	@echo 'make docs         docs/ERRORS.md and the options in the manuals'
	@echo 'make install      into $$(DESTDIR)$$(PREFIX) ($(PREFIX))'
	@echo 'make deb          packages for Debian, in build/deb/'
	@echo 'make package-check  install, upgrade, purge them in a clean Debian'
	@echo 'make clean        remove build/ and bin/'
	@echo 'MODE=release|debug|asan|tsan|cov chooses build/MODE/; V=1 shows commands'

# A second make, so that pkg-config sees what the first line installed.
check:
	@tools/setup.sh check
	@$(MAKE) --no-print-directory MODE=release check-all

# Everything is built before anything is run; one summary line ends it.
check-all:
	@$(MAKE) --no-print-directory MODE=release all archives tests
	@$(MAKE) --no-print-directory MODE=asan tests replays
	@tools/lint.sh
	@BUILD=build/release prove -j2 --timer --exec '' \
		--rules 'seq=tests/e2e/*' --rules 'par=**' \
		$(patsubst $(B)/%,build/asan/%,$(REPLAYS)) $(UNIT) \
		$(patsubst $(B)/%,build/asan/%,$(UNIT)) $(E2E) </dev/null

# The same tests with programs that look for wrong bytes, leaks and undefined
# behavior. `check` runs the quick ones so.
check-asan:
	@tools/setup.sh check
	@$(MAKE) --no-print-directory MODE=asan all archives tests replays
	@BUILD=build/asan prove -j2 --timer --exec '' \
		--rules 'seq=tests/e2e/*' --rules 'par=**' \
		$(patsubst $(B)/%,build/asan/%,$(REPLAYS) $(UNIT)) $(E2E) \
		</dev/null

# Its shadow memory wants addresses that stay, hence setarch. What moves a clock
# hides waits from it, so tests that do are left out.
CLOCKED = $(shell grep -l 'faketime\|serve_at' tests/e2e/*.t)
check-tsan:
	@tools/setup.sh check
	@$(MAKE) --no-print-directory MODE=tsan all archives tests
	@BUILD=build/tsan setarch -R prove --timer --exec '' \
		$(filter-out $(CLOCKED),$(E2E)) </dev/null

demo:
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory MODE=release demo-run
demo-run: all
	@if [ -f tools/demo.sh ]; then BUILD=$(B) sh tools/demo.sh; \
		else echo 'tools/demo.sh is missing' >&2; exit 1; fi

bench: all benches
	@for b in $(BENCHES); do "$$b" || exit 1; done
	@tools/setup.sh check
	@$(MAKE) --no-print-directory bench-page bench-server
bench-server: all $(B)/tests/load $(B)/tests/committer
	@BUILD=$(B) sh tests/bench/server.sh
bench-messages: all $(B)/tests/letters $(B)/tests/load
	@BUILD=$(B) sh tests/bench/messages.sh
bench-memory: all
	@BUILD=$(B) sh tests/bench/memory.sh
bench-page: all $(B)/bench/bench_stretch build/wasm/stretch.wasm
	@BUILD=$(B) sh tests/bench/page.sh
bench-drive: all $(B)/tests/nodes $(B)/tests/slowlink
	@tools/setup.sh bench
	@BUILD=$(B) sh tests/bench/drive.sh
bench-peers: all
	@tools/setup.sh bench
	@BUILD=$(B) bash tests/bench/peers.sh

# Every state of the account page, in two sizes, light and dark.
screenshots: all
	@tools/setup.sh check
	@rm -rf build/screenshots && mkdir -p build/screenshots
	@for t in tests/e2e/90-page.t tests/e2e/90-page-[dmp]*.t \
		tests/e2e/91-page-firefox*.t; do \
		BUILD=$(B) SHOTS='$(CURDIR)/build/screenshots' sh $$t || exit 1; \
	done

lint:
	@tools/setup.sh check
	@$(MAKE) --no-print-directory MODE=release all archives
	@tools/lint.sh deep

fuzz:
	@tools/setup.sh fuzz
	@$(MAKE) --no-print-directory MODE=fuzz fuzz-run
fuzz-run: fuzzers
	@for f in $(FUZZERS); do \
		mkdir -p "$(B)/found/$$f"; echo "FUZZ   $$f"; \
		"$(B)/fuzz/fuzz_$$f" -max_total_time=$(FUZZ_SECONDS) \
		    -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		    -verbosity=0 -artifact_prefix="$(B)/found/$$f-" \
		    "$(B)/found/$$f" "tests/fuzz/corpus/$$f" </dev/null || exit 1; \
	done

soak: all tests
	@AUMBRY_SIM_SEEDS=10000 $(B)/tests/test_plan_sim
	@AUMBRY_SIM_SEEDS=10000 $(B)/tests/test_people_sim
	@end=$$(($$(date +%s) + $(SOAK_SECONDS))); round=0; \
	while [ "$$(date +%s)" -lt "$$end" ]; do \
		round=$$((round + 1)); echo "round $$round"; \
		BUILD=$(B) prove --exec '' $(E2E) || exit 1; \
	done

cov:
	@$(MAKE) --no-print-directory MODE=cov tests
	@find build/cov -name '*.gcda' -delete
	@prove -j2 --exec '' $(patsubst $(B)/%,build/cov/%,$(UNIT)) </dev/null
	@find build/cov/obj/src -name '*.gcda' -exec gcov -n {} + 2>/dev/null | \
		awk -F"'" '/^File .src\//{f=$$2} /^Lines/{if(f)print f, $$0; f=""}' | \
		sort

format:
	@find src tests tools -name '*.[ch]' -exec clang-format-14 -i {} +

docs: $(B)/tools/errors all
	@$< > docs/ERRORS.md.new && mv docs/ERRORS.md.new docs/ERRORS.md
	@tools/manuals.sh

clean:
	rm -rf build bin

include tools/wasm.mk
include tools/install.mk

# ---- rules ---------------------------------------------------------------

$(B)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p '$(@D)'
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c '$<' -o '$@'

define archive_rule
$(B)/lib$1.a: $(call objs,src/$1/*.c) $(if $(filter api,$1),$(B)/obj/page_data.o)
	$$(call say,AR,$$@)
	@rm -f '$$@'
	$(Q)ar rcs '$$@' $$^
endef
$(foreach l,$(LAYERS),$(eval $(call archive_rule,$l)))

$(B)/aumbry: $(call objs,src/cli/*.c) $(call libs,$(CLIENT_LAYERS))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o '$@' $(filter %.o,$^) $(group) $(LIBS)

# The daemon never sees a key: no vault, no client.
$(B)/aumbryd: $(call objs,src/aumbryd/*.c) $(call libs,base wire store $(SERVER_LAYERS) cmd)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o '$@' $(filter %.o,$^) $(group) $(LIBS)

# Of http and server it takes the making of a certificate and the reading of
# aumbryd.conf, of client what works without a network.
$(B)/aumbry-escrow: $(call objs,src/aumbry-escrow/*.c) $(call libs, \
    base wire store vault link client files content backup tree drive escrow disclose http server cmd)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o '$@' $(filter %.o,$^) $(group) $(LIBS)

# One program per file, linked with everything; NAME.flags beside it adds
# linker flags such as -Wl,--wrap=fsync.
link_test = $(CC) $(LDFLAGS_ALL) -o '$@' $(filter %.o,$^) $(group) \
	$$(cat '$(<:$(B)/obj/%.o=%).flags' 2>/dev/null) $1 $(LIBS)

$(B)/libsim.a: $(SIM)
	$(call say,AR,$@)
	@rm -f '$@'
	$(Q)ar rcs '$@' $^

$(B)/tests/%: $(B)/obj/tests/unit/%.o $(ARCHIVES) $(B)/libsim.a
	$(call say,LINK,$@)
	@mkdir -p '$(@D)'
	$(Q)$(call link_test,-lcmocka)

$(B)/tests/%: $(B)/obj/tests/tools/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p '$(@D)'
	$(Q)$(call link_test,)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p '$(@D)'
	$(Q)$(call link_test,)

$(B)/fuzz/replay_%: $(B)/obj/tests/fuzz/fuzz_%.o \
    $(B)/obj/tests/fuzz/replay.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p '$(@D)'
	$(Q)$(call link_test,)

$(B)/fuzz/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p '$(@D)'
	$(Q)$(call link_test,-fsanitize=fuzzer)

$(B)/tools/%: $(B)/obj/tools/%.o $(call libs,base)
	$(call say,LINK,$@)
	@mkdir -p '$(@D)'
	$(Q)$(call link_test,)

.SECONDARY:
-include $(patsubst %.c,$(B)/obj/%.d,$(wildcard src/*/*.c tests/unit/*.c \
	tests/sim/*.c tests/tools/*.c tests/bench/*.c tests/fuzz/*.c tools/*.c))
