# puter.h is one file and needs no building: this makes its examples and its
# tests, all of it below $(BUILD). What a target lacks it installs or names
# (tests/need).

BUILD  = build
CFLAGS = -O2 -g
WARN   = -Wall -Wextra -pedantic -Wconversion -Wshadow

# Another Mbed TLS than the system's: the prefix that it is installed under.
MBEDTLS = $(shell ls -d /opt/homebrew/opt/mbedtls@3 \
                        /usr/local/opt/mbedtls@3 2>/dev/null)
TLS     = $(if $(MBEDTLS),-isystem $(MBEDTLS)/include)
LIBDIR  = $(if $(MBEDTLS),-L$(MBEDTLS)/lib -Xlinker -rpath \
                          -Xlinker $(MBEDTLS)/lib)
LIBS    = $(LIBDIR) -lmbedtls -lmbedx509 -lmbedcrypto

compile = $(CC) -std=c99 -pthread -I. $(WARN) $(TLS)
need    = CC="$(CC) $(TLS) $(LIBDIR)" tests/need

# The tests, and what they run, are built to catch what goes wrong.
SANITIZE = $(shell $(need) -n sanitizers 2>/dev/null && echo \
               -fsanitize=address,undefined -fno-sanitize-recover=all)
CHECKED  = -O1 -g -Werror $(SANITIZE)

# Two examples are made only where there is what they need: libev, and a CA
# store with xxd to embed it.
STORE := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt \
             /etc/ssl/cert.pem /etc/pki/tls/certs/ca-bundle.crt))
LACKING := $(shell $(need) -n libev 2>/dev/null || echo libev) \
    $(if $(STORE),$(shell command -v xxd >/dev/null || echo embedded_ca), \
         embedded_ca)

EXAMPLES = $(filter-out $(LACKING),$(patsubst examples/%.c,%, \
               $(wildcard examples/*.c)))
FUZZERS  = $(patsubst tests/fuzz_%.c,%,$(wildcard tests/fuzz_*.c))
TESTS    = $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/test_*.c)) \
           $(FUZZERS:%=$(BUILD)/replay_%)
HELPERS  = $(addprefix $(BUILD)/checked/,$(EXAMPLES) standin jsoncheck \
               terminal) $(BUILD)/hello
CHECKS   = $(addprefix tests/,compile switches readme examples secrets peers)
HEADERS  = puter.h $(wildcard tests/*.h)

export BUILD CC CXX TLS LIBS STORE
export STANDIN = $(BUILD)/standin

all examples: $(addprefix $(BUILD)/,$(EXAMPLES))

demo: $(BUILD)/chat $(BUILD)/standin
	@tests/demo

test: $(TESTS) $(HELPERS)
	@$(need) -n sanitizers g++ clang nginx openssl curl tinyproxy || true
	@STANDIN=$(BUILD)/checked/standin CHAT=$(BUILD)/checked/chat \
	    tests/run $(TESTS) $(CHECKS)

# The same over Mbed TLS 3.6, from Debian's sources. Its flags are words, and
# must hold in any directory.
test-mbedtls3:
	$(if $(word 2,$(CURDIR)),$(error the path of this directory has a space))
	@tests/mbedtls3 $(BUILD)/mbedtls-3.6
	@$(MAKE) --no-print-directory test BUILD=$(BUILD)/m3 \
	    MBEDTLS=$(abspath $(BUILD)/mbedtls-3.6)

# Every compiler, standard, Mbed TLS, C library, machine and switch.
matrix: $(BUILD)/standin $(BUILD)/m3/standin
	@tests/matrix

# What may pile up does, where there is enough of it.
soak: $(BUILD)/standin
	@tests/soak

# What programs that read programs say, and valgrind.
analyze: $(addprefix $(BUILD)/,hello stream tools standin)
	@tests/analyze

# The recipes in examples/packaging, as far as there are tools to try them.
packaging: $(BUILD)/standin
	@tests/packaging

# Each fuzzer for so many seconds, one after another.
SECONDS = 60
fuzz: $(FUZZERS:%=$(BUILD)/fuzz/%)
	@tests/fuzz $(SECONDS) $(FUZZERS)

# Which of puter.h's lines and branches the tests reach.
coverage:
	@$(need) gcovr
	@rm -f $(BUILD)/coverage/*.gcda $(BUILD)/coverage/checked/*.gcda
	@$(MAKE) --no-print-directory test BUILD=$(BUILD)/coverage CC=gcc \
	    CHECKED='-O0 -g --coverage' CHECKS=
	@tests/coverage $(BUILD)/coverage

# puter.h beside libcurl, cJSON, yyjson and Mbed TLS alone.
bench:
	@tests/bench/run

size: $(addprefix $(BUILD)/,heap peak standin m3/standin)
	@tests/size

# Only lines that are not yet committed: tables are set by hand.
fmt:
	git clang-format

clean:
	rm -rf $(BUILD)

.PHONY: all examples demo test test-mbedtls3 matrix soak analyze packaging fuzz
.PHONY: coverage bench size fmt clean
.DELETE_ON_ERROR:

# ---- how things are built ---------------------------------------------------

# What it counts would be taken for branches of puter.h.
$(BUILD)/test_scale: override CHECKED := $(filter-out --coverage,$(CHECKED))

# The other sanitizers do not go with the one for threads.
$(BUILD)/test_threads: override CHECKED = -O1 -g -Werror \
    $(shell $(need) -n tsan 2>/dev/null && echo -fsanitize=thread)

$(BUILD)/test_%: tests/test_%.c $(HEADERS) | $(BUILD)/.ready
	$(compile) $(CHECKED) -o $@ $< $(LIBS)

$(BUILD)/replay_%: tests/replay.c tests/fuzz_%.c $(HEADERS) | $(BUILD)/.ready
	$(compile) $(CHECKED) -DSEEDS='"tests/seeds/$*"' -o $@ \
	    tests/replay.c tests/fuzz_$*.c $(LIBS)

$(BUILD)/fuzz/%: tests/fuzz_%.c $(HEADERS) | $(BUILD)/fuzz/.ready
	clang -std=c99 -pthread -I. $(WARN) $(TLS) -O1 -g -Werror \
	    -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all -o $@ $< $(LIBS)

$(BUILD)/checked/%: examples/%.c puter.h | $(BUILD)/.ready
	$(compile) $(CHECKED) -o $@ $< $(LIBS)

$(BUILD)/checked/%: tests/%.c $(HEADERS) | $(BUILD)/.ready
	$(compile) $(CHECKED) -o $@ $< $(LIBS)

$(BUILD)/%: examples/%.c puter.h | $(BUILD)/.ready
	$(compile) $(CFLAGS) -o $@ $< $(LIBS)

$(BUILD)/%: tests/%.c $(HEADERS) | $(BUILD)/.ready
	$(compile) $(CFLAGS) -o $@ $< $(LIBS)

$(BUILD)/chat $(BUILD)/checked/chat: $(wildcard examples/chat_*.h)

# A stand-in that speaks TLS 1.3 as well, where Mbed TLS 3.6 can be had.
$(BUILD)/m3/standin: tests/standin.c $(HEADERS)
	-@tests/mbedtls3 $(BUILD)/mbedtls-3.6 && \
	    $(MAKE) --no-print-directory $@ BUILD=$(BUILD)/m3 \
	        MBEDTLS=$(BUILD)/mbedtls-3.6

# Line editing, where libedit is installed.
$(BUILD)/chat $(BUILD)/checked/chat: LIBS += \
    $(shell $(need) -n libedit 2>/dev/null && echo -DHAVE_LIBEDIT -ledit)

$(BUILD)/libev $(BUILD)/checked/libev: LIBS += -lev

$(BUILD)/embedded_ca $(BUILD)/checked/embedded_ca: LIBS += -I$(BUILD)
$(BUILD)/embedded_ca $(BUILD)/checked/embedded_ca: $(BUILD)/roots.h

$(BUILD)/roots.h: $(STORE) | $(BUILD)/.ready
	xxd -i <$(STORE) >$@

$(BUILD)/fuzz/.ready: | $(BUILD)/.ready
	@$(need) fuzzer
	@mkdir -p $(BUILD)/fuzz
	@touch $@

$(BUILD)/.ready:
	@$(need) mbedtls
	@mkdir -p $(BUILD)/checked
	@touch $@
