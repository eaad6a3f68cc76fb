# SPDX-License-Identifier: MIT
#
# How is gateway built, tested, measured and installed?  (GNU make)
#
#   make            ./gateway                  make test     all tests
#   make static     ./gateway-static           make check    the same under ASan and UBSan
#   make tiny       ./gateway-tiny (a test)    make bench    the table beside nginx and HAProxy
#   make install    PREFIX, SYSCONFDIR, DESTDIR, BINDIR, MANDIR; make uninstall
#
# For another machine: make static TARGET=armv7 (package/cross -l lists them), which
# becomes build/armv7/gateway. It brings its compiler and libraries along.
#
# Variables: CC, CROSS_COMPILE, CFLAGS, LDFLAGS, WERROR=1, MUSL=1 (static with
# musl-gcc, or with CC when CROSS_COMPILE is set; INIH_A=archive, BEARSSL_A=archive),
# INIH=dir (ini.c from there instead of -linih), BEARSSL=dir (BearSSL's sources there
# instead of -lbearssl), CRYPT= (without crypt(3), which is taken where it links),
# FEATURES="tls auth cache explain" (what the program can do; all of it, unless said),
# PLATFORM=linux|posix, B=dir (objects), OUT=dir (programs),
# JOBS=n (scenarios at a time).

.DEFAULT_GOAL = all
ifdef TARGET
B ?= build/$(TARGET)
OUT ?= $(B)
# The compiler for it, and where its libraries are.
include $(B)/cross.mk
$(B)/cross.mk: FORCE
	@mkdir -p $(@D)
	@package/cross $(TARGET) > $@.new && if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
else
B ?= build
OUT ?= .
endif
JOBS ?= 8
FUZZ_SECONDS ?= 30
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
PYTHON ?= python3

ifeq ($(origin CC),default)
CC = $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR = $(CROSS_COMPILE)ar
endif
STRIP ?= $(CROSS_COMPILE)strip
ifeq ($(shell uname -s),Linux)
PLATFORM ?= linux
else
PLATFORM ?= posix
endif
export PLATFORM
# Where Debian has the `ws` module that a scenario's WebSocket server uses.
export NODE_PATH := $(if $(NODE_PATH),$(NODE_PATH):)/usr/share/nodejs

# What is in: the numbers are gateway.h's.
FEATURES ?= tls auth cache explain
FEATURE_tls = 1
FEATURE_auth = 2
FEATURE_cache = 4
FEATURE_explain = 8
$(foreach f,$(FEATURES),$(if $(FEATURE_$f),,$(error there is no feature '$f', but tls, auth, cache and explain)))

CFLAGS ?= -O2 -g
STRICT = -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wshadow -Wstrict-prototypes $(if $(WERROR),-Werror) $(if $(filter-out $(FEATURES),tls auth cache explain),-DGW_FEATURES=0$(subst $() ,,$(foreach f,$(FEATURES),+$(FEATURE_$f))))
GUARD = -fstack-protector-strong -D_FORTIFY_SOURCE=2
GUARD_LINK = -Wl,-z,relro,-z,now
SECTIONS = -ffunction-sections -fdata-sections
SECTIONS_LINK = -Wl,--gc-sections
SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

SOURCES = gateway.c $(wildcard src/*.c) $(wildcard platform/posix*.c) $(if $(filter linux,$(PLATFORM)),platform/linux.c,platform/bsd.c)
# The archive where there is one: a shared library costs each process its pages.
archive = $(if $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)),-l:lib$(1).a,-l$(1))
ifdef INIH
INI_FLAGS = -I$(INIH)
INI_SOURCE = $(INIH)/ini.c
else
LIBS := $(call archive,inih)
endif
ifdef BEARSSL
BEARSSL_FLAGS = -I$(BEARSSL)/inc
BEARSSL_SOURCES = $(patsubst $(BEARSSL)/src/%,%,$(shell find $(BEARSSL)/src -name '*.c'))
else
LIBS += $(call archive,bearssl)
endif

# crypt(3), if what is built so links: its libraries, and a flag. -lc: it needs no more.
# musl's bcrypt links alone, too.
CRYPT ?= yes
CRYPT_CALL = char *crypt(const char *, const char *); int main(int n, char **w) { return !crypt(w[0], w[n - 1]); }
BCRYPT_CALL = char *__crypt_blowfish(const char *, const char *, char *); int main(int n, char **w) { return !__crypt_blowfish(w[0], w[n - 1], w[0]); }
crypt = $(if $(filter-out 0 no,$(CRYPT)),$(shell for l in '$(call archive,crypt)' -lc; do \
	echo '$(2)' | $(1) $(CFLAGS) $(LDFLAGS) -x c -o /dev/null - $$l 2> /dev/null && echo $$l && break; done))
PLAIN_LIBS := $(LIBS)
PLAIN_CRYPT := $(call crypt,$(CC),$(CRYPT_CALL))
LIBS += $(PLAIN_CRYPT)
# The sanitizers have a crypt of their own, which looks for the true one in shared
# libraries alone.
SANITIZE_LIBS = $(LIBS:-l:libcrypt.a=-Wl,--no-as-needed -lcrypt)

.PHONY: all static tiny asan count test package-test check cross-test core units replay scenarios layers lint docs size bench bench-auth bench-cache fuzz device-test install uninstall deb deb-test clean FORCE
.DELETE_ON_ERROR:

all: $(OUT)/gateway
.DEFAULT_GOAL = all

# What every request runs through is worth 15 % more code than -O2 makes of it.
# Of BearSSL it is what computes: a third less time for a handshake.
BEARSSL_HOT = ec/% hash/% int/% rsa/% symcipher/%
HOT = $(addprefix src/,head frame path rewrite flow flow_stored link link_tls tls body route backend text span pool) $(basename $(wildcard src/exchange*.c src/worker*.c)) platform/posix

# --- variants: the same sources under other flags ------------------------------

# $(call variant,name,compiler,flags): rules for $B/name/*.o. They are made
# anew when the command itself changes.
define variant
$(B)/$(1)/command: FORCE
	@mkdir -p $$(@D)
	@echo '$(2) $(3)' | cmp -s - $$@ || echo '$(2) $(3)' > $$@
$(B)/$(1)/inih.o: $(INI_SOURCE) $(B)/$(1)/command
	$(2) $(3) -w -c -o $$@ $$<
$(B)/$(1)/bearssl/%.o: $(BEARSSL)/src/%.c $(B)/$(1)/command
	@mkdir -p $$(@D)
	$(2) $(3) $(if $(filter -O2,$(3)),$$(if $$(filter $(BEARSSL_HOT),$$*),-O3)) -I$(BEARSSL)/src -w -c -o $$@ $$<
$(B)/$(1)/libbearssl.a: $(BEARSSL_SOURCES:%.c=$(B)/$(1)/bearssl/%.o)
	@rm -f $$@
	$(AR) rcs $$@ $$^
$(B)/$(1)/%.o: %.c $(B)/$(1)/command
	@mkdir -p $$(@D)
	$(2) $(3) $(if $(filter -O2,$(3)),$$(if $$(filter $(HOT),$$*),-O3)) -MMD -MP -c -o $$@ $$<
endef
# Objects of a variant: all of gateway, or those of some sources.
objects = $(patsubst %.c,$(B)/$(1)/%.o,$(SOURCES)) $(if $(INIH),$(B)/$(1)/inih.o)
objects_of = $(patsubst %.c,$(B)/$(1)/%.o,$(2))
# BearSSL as it is linked with: variants for tests take that of the plain one.
bearssl = $(if $(BEARSSL),$(B)/$(1)/libbearssl.a)

# musl's compiler does not look where the distribution keeps its archives.
STATIC_LIBS = $(if $(MUSL),$(if $(INIH),,$(INIH_A)) $(if $(BEARSSL),,$(BEARSSL_A)),$(PLAIN_LIBS)) $(STATIC_CRYPT)
INIH_A ?= $(shell gcc -print-file-name=libinih.a)
BEARSSL_A ?= $(shell gcc -print-file-name=libbearssl.a)
# The latter calls glibc's checked functions, which musl lacks.
FORTIFIED = $(if $(MUSL),$(if $(BEARSSL),,$(B)/static/platform/fortified.o))
STATIC_CC = $(if $(MUSL),$(if $(CROSS_COMPILE),$(CC),musl-gcc),$(CC))
STATIC_CRYPT := $(call crypt,$(STATIC_CC) -static,$(CRYPT_CALL))
STATIC_BCRYPT := $(if $(MUSL),$(call crypt,$(STATIC_CC) -static,$(BCRYPT_CALL)))
FUZZ_CC = clang
COUNT_WRAP = -Wl,--wrap=platform_poll,--wrap=platform_memory,--wrap=worker_run

$(eval $(call variant,plain,$(CC),$(STRICT) $(GUARD) $(SECTIONS) $(CFLAGS) $(INI_FLAGS) $(BEARSSL_FLAGS) $(PLAIN_CRYPT:%=-DGW_CRYPT)))
$(eval $(call variant,static,$(STATIC_CC),$(STRICT) $(GUARD) $(SECTIONS) $(CFLAGS) $(INI_FLAGS) $(BEARSSL_FLAGS) $(if $(MUSL),-U_FORTIFY_SOURCE $(if $(INIH),$(if $(BEARSSL),,-idirafter /usr/include),-idirafter /usr/include)) $(STATIC_CRYPT:%=-DGW_CRYPT) $(STATIC_BCRYPT:%=-DGW_BCRYPT)))
$(eval $(call variant,tiny,$(CC),$(STRICT) $(GUARD) $(CFLAGS) $(INI_FLAGS) $(BEARSSL_FLAGS) -DGW_TINY $(PLAIN_CRYPT:%=-DGW_CRYPT)))
$(eval $(call variant,asan,$(CC),$(STRICT) $(SANITIZE) $(INI_FLAGS) $(BEARSSL_FLAGS) $(PLAIN_CRYPT:%=-DGW_CRYPT)))
$(eval $(call variant,fuzz,$(FUZZ_CC),$(STRICT) $(SANITIZE) $(BEARSSL_FLAGS) -fsanitize=fuzzer-no-link $(PLAIN_CRYPT:%=-DGW_CRYPT)))

ifdef TARGET
$(OUT)/gateway: $(OUT)/gateway-static
	$(STRIP) -o $@ $<
static: $(OUT)/gateway
else
$(OUT)/gateway: $(call objects,plain) $(call bearssl,plain)
	$(CC) $(CFLAGS) $(GUARD_LINK) $(SECTIONS_LINK) $(LDFLAGS) -o $@ $^ $(LIBS)
static: $(OUT)/gateway-static
endif
$(OUT)/gateway-static: $(call objects,static) $(FORTIFIED) $(call bearssl,static)
	$(STATIC_CC) -static $(CFLAGS) $(GUARD_LINK) $(SECTIONS_LINK) $(LDFLAGS) -o $@ $^ $(STATIC_LIBS)
$(OUT)/gateway-tiny: $(call objects,tiny) $(call bearssl,plain)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/gateway-asan: $(call objects,asan) $(call bearssl,plain)
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(SANITIZE_LIBS)
# Aborts a worker that allocates once it runs: test/unit/count.c.
$(B)/gateway-count: $(call objects,plain) $(B)/plain/test/unit/count.o $(call bearssl,plain)
	$(CC) $(CFLAGS) $(LDFLAGS) $(COUNT_WRAP) -o $@ $^ $(LIBS)

tiny: $(OUT)/gateway-tiny
asan: $(B)/gateway-asan

# --- unit tests and fuzz targets: linked with layers up to their own -------------

UNITS = $(patsubst test/unit/%.c,%,$(wildcard test/unit/t_*.c))
FUZZES = $(patsubst test/fuzz/%.c,%,$(filter-out test/fuzz/replay.c,$(wildcard test/fuzz/*.c)))
sources_of = $(shell test/layers sources $(patsubst t_%,%,$(patsubst fuzz_%,%,$(1))))

ifdef TARGET
# For another machine: the objects of its static build (without link-time optimization,
# which would take its time for each test), under an emulator where this machine cannot.
EMULATOR_armv7 = qemu-arm -cpu cortex-a7
EMULATOR_armv5 = qemu-arm -cpu arm926
EMULATOR_aarch64 = qemu-aarch64 -cpu cortex-a53
EMULATOR_mipsel = qemu-mipsel -cpu 24Kc
EMULATOR_mips = qemu-mips -cpu 24Kc
EMULATOR_riscv64 = qemu-riscv64
EMULATOR_x86_64 = $(if $(filter x86_64,$(shell uname -m)),,qemu-x86_64)
EMULATOR_i686 = $(if $(filter i686 x86_64,$(shell uname -m)),,qemu-i386)
EMULATOR ?= $(EMULATOR_$(TARGET))
export EMULATOR
# Not under an emulator: what single-steps a process (ptrace), what takes minutes there.
# On MIPS also what computes with fractions (the compiler's own arithmetic needs an FPU)
# and what lists the machine's addresses: under qemu-mips 7.2 that does not end.
SLOW_UNITS = t_cache_crash t_cache_many t_cache_model t_config t_flow t_flow_long t_flow_stored
MIPS_UNITS = t_cache_queue t_config_tls t_platform
NO_LTO = $(filter-out -flto% -ffat-lto-objects,$(1))
UNIT_FLAGS = $(STRICT) $(filter-out -Os,$(call NO_LTO,$(CFLAGS))) -O1 $(INI_FLAGS) $(BEARSSL_FLAGS) -I$(B)/cmocka $(STATIC_CRYPT:%=-DGW_CRYPT)
# Its only floating point is a time it took; MIPS compilers' own arithmetic needs an FPU.
$(B)/cmocka/cmocka.o: $(B)/static/command
	@mkdir -p $(@D)
	dir=$$(package/cross -s cmocka) && cp $$dir/include/cmocka.h $(@D) && \
	$(STATIC_CC) $(call NO_LTO,$(CFLAGS)) -w -Ddouble=long -DHAVE_INTTYPES_H -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_STRSIGNAL -DHAVE_SIGLONGJMP \
		-I$$dir/include -c -o $@ $$dir/src/cmocka.c
$(B)/unit/%.o: test/unit/%.c $(B)/cmocka/cmocka.o
	@mkdir -p $(@D)
	$(STATIC_CC) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<
define unit
$(B)/unit/$(1): $(B)/unit/$(1).o $(B)/cmocka/cmocka.o $(call objects_of,static,$(call sources_of,$(1))) $(B)/static/inih.o $(call bearssl,static)
	$(STATIC_CC) -static -fno-lto $(call NO_LTO,$(CFLAGS) $(SECTIONS_LINK) $(LDFLAGS)) -o $$@ $$^ $(STATIC_LIBS)
endef
else
define unit
$(B)/unit/$(1): $(B)/asan/test/unit/$(1).o $(call objects_of,asan,$(call sources_of,$(1))) $(if $(INIH),$(B)/asan/inih.o) $(call bearssl,plain)
	@mkdir -p $$(@D)
	$(CC) $(SANITIZE) $(LDFLAGS) -o $$@ $$^ -lcmocka $(SANITIZE_LIBS)
endef
endif
$(foreach u,$(UNITS),$(eval $(call unit,$(u))))

define fuzz
$(B)/replay/$(1): $(B)/asan/test/fuzz/$(1).o $(B)/asan/test/fuzz/replay.o $(call objects_of,asan,$(call sources_of,$(1))) $(if $(INIH),$(B)/asan/inih.o) $(call bearssl,plain)
	@mkdir -p $$(@D)
	$(CC) $(SANITIZE) $(LDFLAGS) -o $$@ $$^ $(SANITIZE_LIBS)
$(B)/fuzzer/$(1): $(B)/fuzz/test/fuzz/$(1).o $(call objects_of,fuzz,$(call sources_of,$(1))) $(call bearssl,plain)
	@mkdir -p $$(@D)
	$(FUZZ_CC) $(SANITIZE) -fsanitize=fuzzer -o $$@ $$^ $(SANITIZE_LIBS)
endef
$(foreach f,$(FUZZES),$(eval $(call fuzz,$(f))))

# --- tests --------------------------------------------------------------------------
# Each step ends in a line "N passed, N failed"; test/run runs steps and adds up.

test:
	@test/run layers units replay scenarios scenarios-tls scenarios-tiny scenarios-tiny-tls

check:
	@test/run units replay scenarios-asan scenarios-asan-tls scenarios-count

UNITS_LEFT_OUT = $(if $(EMULATOR),$(SLOW_UNITS) $(if $(filter mips%,$(TARGET)),$(MIPS_UNITS)))
units: $(patsubst %,$(B)/unit/%,$(filter-out $(UNITS_LEFT_OUT),$(UNITS)))
	@test/unit/run $^

replay: $(FUZZES:%=$(B)/replay/%)
	@test/fuzz/run $^

# -tls: the same scenarios with TLS on both sides; for the slower builds those in
# which most happens between bytes that come and bytes that go.
SCENARIOS = @$(PYTHON) test/scenario/run.py --gateway $< --jobs $(JOBS)
# What a gateway for another machine must do; under its emulator everything takes long,
# and whoever looks at a process sees the emulator's.
CORE = ^(message|upgrade|reload|max-body)/|^body/|^cached/|^tunnel/|^tls/handshake
core: $(OUT)/gateway
	$(SCENARIOS) --runner '$(EMULATOR)' --only '$(CORE)'
BYTES = --tls --only '^(body|message|stream|tunnel|upgrade|places|reload|stop|listen)/'
scenarios: $(OUT)/gateway
	$(SCENARIOS)
scenarios-tls: $(OUT)/gateway
	$(SCENARIOS) --tls
scenarios-tiny: $(OUT)/gateway-tiny
	$(SCENARIOS) --skip '^(certs|real)/'
scenarios-tiny-tls: $(OUT)/gateway-tiny
	$(SCENARIOS) $(BYTES)
scenarios-asan: $(B)/gateway-asan
	$(SCENARIOS) --skip '^real/testssl$$'
scenarios-asan-tls: $(B)/gateway-asan
	$(SCENARIOS) $(BYTES)
scenarios-count count: $(B)/gateway-count
	$(SCENARIOS) --skip '^(certs|real)/'

# What is left of them, and what is said, when a build leaves out all that it can.
NEEDY = ^(acme|auth|ban|browser|cache|certs|consult|explain|guard|guess|hsts|https|login|own|passw|pin|real|session|tls|users|verify)|^worker/passwords-killed$$|^config/(cache-misplaced|check-table|default-file|explain|redirect-.*|tls-files-missing|users|warning)$$
scenarios-least: $(OUT)/gateway
	@test/features $<
	$(SCENARIOS) --skip '$(NEEDY)'

layers:
	@test/layers

# Each kind of machine, under its emulator.
CROSS_TARGETS ?= mips armv5 armv7 aarch64 mipsel riscv64 x86_64 i686
cross-test:
	@test/run $(foreach t,$(CROSS_TARGETS),"TARGET=$t static" "TARGET=$t units" "TARGET=$t core")

# The packages' scripts, and what they start. Needs root.
package-test: $(OUT)/gateway
	@$(PYTHON) test/package/package $(OUT)/gateway

# A whole small machine, emulated, that has nothing but busybox and gateway.
device-test:
	@$(MAKE) -s --no-print-directory static TARGET=armv7
	@test/install-deps device
	@$(PYTHON) test/device/run --gateway build/armv7/gateway

# Warnings of another kind; a finding fails.
lint:
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability \
		--suppress=missingIncludeSystem -D__linux__ -UGW_TINY $(SOURCES)

# Man pages, completions, make install.
docs: $(OUT)/gateway
	@$(PYTHON) test/package/docs --gateway $<

fuzz: $(FUZZES:%=$(B)/fuzzer/%)
	@for f in $(FUZZES); do \
		corpus=test/fuzz/corpus/$${f#fuzz_}; mkdir -p $(B)/found/$$f; test -d $$corpus || corpus=; \
		echo "$$f: $(FUZZ_SECONDS) s"; \
		$(B)/fuzzer/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=5 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(B)/found/ $(B)/found/$$f $$corpus || exit 1; \
	done

# --- measures -------------------------------------------------------------------------

# How large is the file that goes onto the device? A line for each target, all that
# there is and the least that serves, against their budgets (test/size).
size:
	@test/size

# What of it is whose.
size-modules: $(OUT)/gateway
	@size $(call objects,plain) | awk 'NR > 1 { printf "%8d  %s\n", $$1 + $$2, $$6 }' | sort -rn

BENCH_TOOLS = $(B)/bench/load $(B)/bench/origin $(B)/bench/floor
$(B)/bench/load: BENCH_LIBS = -lssl -lcrypto
$(B)/bench/%: test/bench/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -o $@ $< $(BENCH_LIBS)

bench: $(OUT)/gateway $(BENCH_TOOLS)
	@$(PYTHON) test/bench/bench.py --gateway $(OUT)/gateway --tools $(B)/bench $(BENCH)

# What a flood of wrong passwords costs others; does time tell who exists?
bench-auth: $(OUT)/gateway $(B)/bench/origin
	@$(PYTHON) test/bench/auth.py --gateway $(OUT)/gateway --tools $(B)/bench $(BENCH)

# What a hit costs beside nginx and HAProxy; which pages stay, beside LRU and S3-FIFO.
bench-cache: $(OUT)/gateway $(BENCH_TOOLS) $(B)/bench/trace
	@$(PYTHON) test/bench/trace.py --tools $(B)/bench
	@$(PYTHON) test/bench/cache.py --gateway $(OUT)/gateway --tools $(B)/bench $(BENCH)
$(B)/bench/trace: $(B)/plain/test/bench/trace.o $(call objects_of,plain,$(call sources_of,cache)) $(if $(INIH),$(B)/plain/inih.o) $(call bearssl,plain)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(SECTIONS_LINK) -o $@ $^ $(LIBS)

# --- the rest -----------------------------------------------------------------------------

BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
# What is laid down: the program that is there, with whatever it was built, also
# GATEWAY=build/armv7/gateway. Only if there is none it is built: root, and whoever
# says other flags here than before, makes nothing anew.
GATEWAY = $(OUT)/gateway
CONFIG = $(DESTDIR)$(SYSCONFDIR)/gateway/gateway.ini
BASH_COMPLETION = $(PREFIX)/share/bash-completion/completions/gateway
ZSH_COMPLETION = $(PREFIX)/share/zsh/site-functions/_gateway
FISH_COMPLETION = $(PREFIX)/share/fish/vendor_completions.d/gateway.fish
LAID = $(addprefix $(DESTDIR),$(BINDIR)/gateway $(MANDIR)/man8/gateway.8 $(MANDIR)/man5/gateway.ini.5 \
	$(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION))

install: $(if $(wildcard $(GATEWAY)),,$(GATEWAY))
	@test -z "$$(find gateway.c gateway.h src platform -name '*.[ch]' -newer $(GATEWAY))" || \
		echo "$(GATEWAY) is older than its sources: 'make' builds it anew" >&2
	install -d $(sort $(dir $(LAID) $(CONFIG)))
	install -m 755 $(GATEWAY) $(DESTDIR)$(BINDIR)/gateway
	install -m 644 package/man/gateway.8 $(DESTDIR)$(MANDIR)/man8/gateway.8
	install -m 644 package/man/gateway.ini.5 $(DESTDIR)$(MANDIR)/man5/gateway.ini.5
	install -m 644 package/completion/gateway.bash $(DESTDIR)$(BASH_COMPLETION)
	install -m 644 package/completion/gateway.zsh $(DESTDIR)$(ZSH_COMPLETION)
	install -m 644 package/completion/gateway.fish $(DESTDIR)$(FISH_COMPLETION)
	test -e $(CONFIG) || install -m 644 gateway.ini $(CONFIG)

# A Debian package in build/deb; built, installed, used and purged in a system of its own.
deb:
	@package/deb
deb-test:
	@test/package/deb

# A configuration that somebody has written stays.
uninstall:
	rm -f $(LAID)
	! cmp -s gateway.ini $(CONFIG) || rm -f $(CONFIG)
	rmdir $(dir $(CONFIG)) 2> /dev/null || :

clean:
	rm -rf $(B)
	rm -f $(OUT)/gateway $(OUT)/gateway-static $(OUT)/gateway-tiny

FORCE:
-include $(shell find $(B) -path $(B)/deb -prune -o -name '*.d' -print 2>/dev/null)
