# SPDX-License-Identifier: ISC
# The account page: its core as WebAssembly, and all of it as data in aumbryd.
#
# With clang-14, lld-14, wasi-libc and the sources of tools/wasm-sources.sh.
# Without them the programs are built all the same, and `aumbryd` says where
# its page would be that it has none; PAGE=yes: then nothing is built. PAGE=no
# builds without it anyway.

W := build/wasm
WASM_SRC ?= $(W)/src
WASM_CC := clang-14 --target=wasm32-wasi
WASM_HERE := $(if $(and $(filter-out no,$(or $(PAGE),any)), \
	$(wildcard $(WASM_SRC)/libsodium/src), \
	$(wildcard $(WASM_SRC)/libzstd/lib), \
	$(wildcard $(WASM_SRC)/xxhash),$(wildcard /usr/bin/wasm-ld-14), \
	$(wildcard /usr/include/wasm32-wasi)),yes)
ifeq ($(PAGE)-$(WASM_HERE),yes-)
$(error the account page cannot be built: clang-14, lld-14, wasi-libc or the sources of tools/wasm-sources.sh lack)
endif

WASM_LIB_FLAGS := -Oz -w -flto
WASM_SODIUM_FLAGS := $(WASM_LIB_FLAGS) -DCONFIGURED=1 \
	-DNATIVE_LITTLE_ENDIAN=1 -DHAVE_GETENTROPY=1 -DHAVE_STDINT_H=1 \
	-D_WASI_EMULATED_SIGNAL -I$(WASM_SRC)/libsodium/src/libsodium/include \
	-I$(WASM_SRC)/libsodium/src/libsodium/include/sodium
# What expands alone, of the parts that it has the smaller one.
WASM_ZSTD_FLAGS := $(WASM_LIB_FLAGS) -DDEBUGLEVEL=0 -DZSTD_LEGACY_SUPPORT=0 \
	-DZSTD_STRIP_ERROR_STRINGS -DZSTD_TRACE=0 -DZSTD_DISABLE_ASM=1 \
	-DDYNAMIC_BMI2=0 -DHUF_FORCE_DECOMPRESS_X1 -DZSTD_NO_INLINE \
	-DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT -DXXH_NAMESPACE=ZSTD_
WASM_FLAGS := -std=c11 -D_GNU_SOURCE -Oz -Wall -Wextra -Werror \
	-flto -DXXH_INLINE_ALL -Isrc -Isrc/web/shim \
	-isystem $(WASM_SRC)/libsodium/src/libsodium/include \
	-isystem $(WASM_SRC)/jansson/src -isystem $(WASM_SRC)/xxhash \
	-isystem $(WASM_SRC)/libzstd/lib

# The same files as the client's, but for what stands on the system.
WASM_OWN := $(wildcard src/web/*.c) \
	$(addprefix src/base/,buf.c err.c idset.c now.c rune.c scan.c text.c typed.c) \
	$(filter-out src/wire/digest.c src/wire/identity.c,\
	    $(wildcard src/wire/*.c)) \
	$(addprefix src/vault/,codec_expand.c cpace.c devkey.c inbox.c \
	opaque.c reccode.c \
	recseed.c seal.c secret.c) $(wildcard src/vault/keyring*.c) \
	$(addprefix src/link/,act.c control.c depot.c depot_remote.c \
	remote_escrow.c) $(wildcard src/link/zcopy*.c) \
	$(addprefix src/client/,alerts.c chain.c circlepin.c login.c \
	password.c protection.c prove.c recovery.c release.c release_open.c \
	seckey.c seckey_drop.c session.c) $(wildcard src/client/self*.c) \
	$(wildcard src/client/people*.c) \
	$(addprefix src/join/,compare.c entering.c keyjoin.c lend.c newcomer.c \
	pair.c pair_code.c pair_join.c relay.c shown_code.c visit_record.c)
WASM_OWN += $(wildcard src/mail/*.c)
WASM_SODIUM := $(shell find $(WASM_SRC)/libsodium/src/libsodium -name '*.c' 2>/dev/null)
# Without fractions: src/web/libc.c.
WASM_JANSSON := $(filter-out %/strconv.c,$(wildcard $(WASM_SRC)/jansson/src/*.c))
WASM_ZSTD := $(wildcard $(WASM_SRC)/libzstd/lib/decompress/*.c) \
	$(addprefix $(WASM_SRC)/libzstd/lib/common/,entropy_common.c \
	error_private.c fse_decompress.c xxhash.c zstd_common.c)
wasm_objs = $(patsubst %.c,$(W)/obj/%.o,$1)
WASM_OBJS := $(call wasm_objs,$(WASM_OWN) $(WASM_SODIUM) $(WASM_JANSSON) \
	$(WASM_ZSTD))

# Passwords are stretched for as long as a person waits: speed counts there.
$(W)/obj/$(WASM_SRC)/libsodium/%argon2-core.o \
$(W)/obj/$(WASM_SRC)/libsodium/%argon2-fill-block-ref.o: SPEED := -O3

$(W)/obj/$(WASM_SRC)/libsodium/%.o: $(WASM_SRC)/libsodium/%.c tools/wasm.mk
	@mkdir -p '$(@D)'
	$(Q)$(WASM_CC) $(WASM_SODIUM_FLAGS) $(SPEED) -c '$<' -o '$@'
$(W)/obj/$(WASM_SRC)/jansson/%.o: $(WASM_SRC)/jansson/%.c tools/wasm.mk
	@mkdir -p '$(@D)'
	$(Q)$(WASM_CC) $(WASM_LIB_FLAGS) -DHAVE_CONFIG_H \
		-I$(WASM_SRC)/jansson/src -c '$<' -o '$@'
$(W)/obj/$(WASM_SRC)/libzstd/%.o: $(WASM_SRC)/libzstd/%.c tools/wasm.mk
	@mkdir -p '$(@D)'
	$(Q)$(WASM_CC) $(WASM_ZSTD_FLAGS) -c '$<' -o '$@'
$(W)/obj/src/%.o: src/%.c tools/wasm.mk
	$(call say,WASM,$<)
	@mkdir -p '$(@D)'
	$(Q)$(WASM_CC) $(WASM_FLAGS) -MMD -MP -c '$<' -o '$@'

$(W)/obj/tests/%.o: tests/%.c tools/wasm.mk
	@mkdir -p '$(@D)'
	$(Q)$(WASM_CC) $(WASM_FLAGS) -c '$<' -o '$@'

# 4 % less to load, where binaryen is.
squeeze = $(Q)if command -v wasm-opt >/dev/null; then wasm-opt -Oz '$1' -o '$1'; fi

$(W)/core.wasm: $(WASM_OBJS)
	$(call say,LINK,$@)
	@printf '%s\n' $^ >'$(W)/objects'
	$(Q)$(WASM_CC) -flto -Wl,--lto-O2 -mexec-model=reactor -Wl,--strip-all -Wl,--gc-sections \
		-Wl,-z,stack-size=262144 -fuse-ld=/usr/bin/wasm-ld-14 \
		@'$(W)/objects' -lwasi-emulated-signal -o '$@'
	$(call squeeze,$@)

# For the bench: the stretching alone, from the same files.
$(W)/stretch.wasm: $(W)/obj/tests/bench/bench_stretch.o \
    $(filter-out $(addprefix $(W)/obj/src/,web/% link/% client/% join/% mail/%), \
    $(WASM_OBJS))
	$(call say,LINK,$@)
	@printf '%s\n' $^ >'$(W)/objects.bench'
	$(Q)$(WASM_CC) -flto -Wl,--lto-O2 -mexec-model=reactor -Wl,--strip-all \
		-Wl,--gc-sections -fuse-ld=/usr/bin/wasm-ld-14 \
		@'$(W)/objects.bench' -lwasi-emulated-signal -o '$@'
	$(call squeeze,$@)

# What aumbryd serves; its paths are as seen from here.
PAGE_DIR := $(W)/page
$(PAGE_DIR)/data.c: $(if $(WASM_HERE),$(W)/core.wasm) $(wildcard web/*) \
    tools/page.sh tools/wasm.mk
	$(call say,PAGE,$@)
	$(Q)tools/page.sh '$(PAGE_DIR)' $(if $(WASM_HERE),'$(W)/core.wasm')
$(B)/obj/page_data.o: $(PAGE_DIR)/data.c
	@mkdir -p '$(@D)'
	$(Q)$(CC) $(CFLAGS_ALL) -c '$<' -o '$@'

-include $(patsubst %.o,%.d,$(call wasm_objs,$(WASM_OWN)))
