# make                 build the three programs into build/
# make demo            the main job: 100 000 HTTP sessions on a ring pair, PASS or FAIL
# make test            everything: units, then the programs together
# make unit            units only (no hugepages, no root)
# make asan            units, fuzz corpora and the functional tests with address and undefined-behaviour sanitizers (hugepages, root)
# make fuzz            each target of test/fuzz for SECONDS=60 with libFuzzer, or TARGETS="request http"; see doc/trust.md
# make replay          what fuzzing has kept, without libFuzzer; part of make test
# make sim             two stacks and a bad link, simulated: SEEDS=2000 FROM=0, PREDICT_SEEDS=500; see doc/sim.md
# make functional      pytest on the programs and on peers that misbehave (hugepages, root)
# make long            those of its tests that take more than ten seconds each, which make test leaves out
# make torture         clients killed, stopped and gone mad under full traffic (10 minutes): SECONDS=60 KILLS=1000; see doc/torture.md
# make interop         our ends against other people's servers, clients and the kernel's TCP over bad links (minutes)
# make bench           measures speed: WORK="sessions http_10k"; prints one JSON object (hugepages, root); see doc/performance.md
# make bench-compare   the same, against test/bench/baseline.json by fractions of the ceiling
# make bench-scaling   what a second worker adds: WORK="sessions http_100" (hugepages, root, two CPUs)
# make bench-40m       example 6 at full size, 40 M sessions: SCALE=40 divides them (hugepages, root)
# make profile         where the time goes: WORK=sessions|http|raw1|raw64|udp|bulk CACHE=1
# make check           lint and style
# make lint            clang-tidy
# make style           format, reference, sizes, tokens, layers, headers alone, clauses of TCP, an application's files, shell scripts; part of make test
# make docs            write the reference of commands and counters into doc/
# make pictures        take those of the live page in doc/images anew (hugepages, root, two minutes)
# make format          rewrite the sources in the one format
# make install         DESTDIR= PREFIX=/usr/local SYSCONFDIR=/etc: programs, launcher, units, man pages, configuration, examples
# make compdb          compile_commands.json for editors
# make clean | help
#
# V=1 shows commands. CC=clang, MODE=release|debug|asan|sim|fuzz. EXTRA_CFLAGS is appended last.

MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MODE ?= release
V ?= 0
DESTDIR ?=
PREFIX ?= /usr/local
# /etc/warp17 belongs to the system's prefixes; another has its own
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
SEEDS ?= 2000
FROM ?= 0
PREDICT_SEEDS ?= 500
WORK ?=
SECONDS ?=
KILLS ?=
SCALE ?= 1
SECONDS ?= 60
TARGETS ?=
CACHE ?=
EXTRA_CFLAGS ?=
ifneq ($(words $(MODE)) $(words $(filter release debug asan sim fuzz,$(MODE))),1 1)
$(error MODE=$(MODE): expected release, debug, asan, sim or fuzz)
endif
CC := $(if $(filter default,$(origin CC)),$(if $(filter fuzz,$(MODE)),clang,gcc),$(CC))
B := build/$(MODE)
# the simulator: optimized, with every assertion, unless another mode is asked for
SIM_MODE := $(if $(filter release,$(MODE)),sim,$(MODE))
BIN := $(if $(filter release,$(MODE)),build,$(B))
Q := $(if $(filter 1,$V),,@)
say = $(if $(filter 1,$V),,@printf '  %-7s %s\n' $(1) $(2);)

comma := ,
PKGS := libdpdk libedit jansson numa libbsd libmicrohttpd gnutls ncursesw
pc = $(shell pkg-config $(1) 2>/dev/null)
DYGRAPH := /usr/share/javascript/dygraphs/dygraph.min.js
# these install what they need, or need nothing
NO_PKGS_GOALS := demo test clean help format
ifneq ($(filter-out $(NO_PKGS_GOALS),$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && echo ok),ok)
$(error missing one of: $(PKGS); run scripts/install-deps)
endif
ifeq ($(wildcard $(DYGRAPH)),)
$(error missing $(DYGRAPH); run scripts/install-deps)
endif
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
	-Wvla -Wformat=2 -Wno-format-nonliteral
# the engine alone is optimised when it is linked, across files: 6 % more sessions a second; clang has no fat objects
LTO := $(if $(filter gcc%,$(notdir $(CC))),$(if $(filter release,$(MODE)),1))
MODE_release := -O3 -g -DNDEBUG $(if $(LTO),-flto=2 -ffat-lto-objects)
MODE_debug   := -O0 -g3
MODE_sim     := -O2 -g
# with sanitizers gcc cannot see how long texts are
MODE_asan    := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-format-truncation
MODE_fuzz    := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-omit-frame-pointer -fno-sanitize-recover=all
ARCH ?= native
sys = $(patsubst -I%,-isystem %,$(call pc,--cflags $(1)))
VERSION_TEXT := $(shell cat VERSION)+$(shell git describe --always --dirty 2>/dev/null || echo tarball)
# -march comes after libdpdk's own (Debian says corei7), so ours is the one that holds
CFLAGS := -std=gnu2x -D_GNU_SOURCE $(WARN) $(MODE_$(MODE)) -I. $(call sys,$(PKGS)) -march=$(ARCH) -MMD -MP $(EXTRA_CFLAGS)
LDFLAGS := $(patsubst %$(comma)fuzzer-no-link,%,$(filter -fsanitize=%,$(MODE_$(MODE)))) $(if $(LTO),-fno-lto)
LIBS_ENGINE := $(call pc,--libs libdpdk numa) -lm -lrte_net_ring -lrte_net_tap -lrte_bus_vdev
# Clients hold the EAL alone, linked in: no driver is loaded, so nothing of theirs takes the locks that ethdev and buses
# share with the engine, and attaching is quick. What an EAL of another version needs beside is taken when it is there.
DPDK_LIBDIR := $(call pc,--variable=libdir libdpdk)
# Each --wrap is told in common/abi/attach.c.
LIBS_EAL := -Wl,--wrap=rte_eal_memzone_init,--wrap=rte_service_init,--wrap=rte_service_start_with_defaults \
	-Wl,-Bstatic $(foreach l,eal telemetry kvargs argparse log,$(if $(wildcard $(DPDK_LIBDIR)/librte_$(l).a),-lrte_$(l))) \
	-Wl,-Bdynamic $(call pc,--libs libbsd numa) -lpthread -ldl -lm
LEAVE := $(if $(filter asan,$(MODE)),$(B)/test/asan/leave.o)
LIBS_EAL += $(if $(LEAVE),-Wl$(comma)--wrap=_exit)
LIBS_CLI := $(LIBS_EAL) $(call pc,--libs libedit jansson ncursesw)
LIBS_EXPORTER := $(LIBS_EAL) $(call pc,--libs jansson libmicrohttpd gnutls)
LIBS_TEST := $(call pc,--libs libdpdk jansson cmocka) -lm
LIBS_SIM := $(patsubst %,-Wl$(comma)--wrap=%,app_conn_up app_deliver app_payload traffic_begun traffic_closed traffic_failed) $(LIBS_TEST)

# A source that exists is built; no list to forget it in.
src = $(sort $(wildcard $(1)/*.c $(1)/*/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))
COMMON   := $(call obj,$(call src,common))
ENGINE   := $(call obj,$(call src,engine))
CLI      := $(call obj,$(call src,cli))
EXPORTER := $(call obj,$(call src,stats-exporter))
PROGS    := $(BIN)/warp17 $(BIN)/warp17-cli $(BIN)/warp17-stats-exporter
UNITS    := $(patsubst %.c,$(B)/%,$(sort $(wildcard test/unit/*_test.c)))
BENCHES  := $(patsubst %.c,$(B)/%,$(sort $(wildcard test/bench/*_bench.c)))
BRIDGE   := $(B)/test/interop/bridge
# programs that a test kills or stops at a certain step (common/util/crash.h), and who measures what others notice
VICTIM   := $(B)/test/torture/victim $(B)/test/torture/victim-exporter
PROBER   := $(B)/test/torture/prober
# what `make bench` reads a counter with while it measures what others' looks cost
METER    := $(B)/test/bench/meter
POINTS   := common/abi/attach cli/main stats-exporter/sample
INSIDE   := -Wl,--wrap=rte_fbarray_attach
PEERS    := $(patsubst %.c,$(B)/%,$(sort $(wildcard test/functional/*.c)))
SIM      := $(B)/test/sim/sim
SIM_STEPS := $(B)/test/sim/sim_steps
FUZZERS  := $(patsubst %_fuzz.c,$(B)/%,$(sort $(wildcard test/fuzz/*_fuzz.c)))
# what a unit test links: the packet path whole, but for ports, which world.c plays; no main(), nothing that starts up
TESTABLE := $(COMMON) $(B)/test/unit/stack.o $(B)/test/unit/world.o $(filter-out $(addprefix $(B)/engine/,main.o boot/% mgmt/% l1_port/port.o \
	l1_port/mtu.o l1_port/ring_pair.o l1_port/tap.o),$(ENGINE))
DOCS     := commands counters rpc-methods
ALL_SRC  := $(shell find common engine cli stats-exporter test -name '*.[ch]')

.PHONY: all demo test unit asan fuzz fuzzers replay sim sim-run peers functional long torture interop bench bench-compare bench-scaling bench-40m profile path check lint style format docs pictures install compdb clean help FORCE
all: $(PROGS)
$(BIN)/warp17: $(COMMON) $(ENGINE) $(B)/objects
	$(call say,LD,$@)$(CC) $(filter-out -fno-lto,$(LDFLAGS)) $(if $(LTO),-O3 -g -flto=2) -o $@ $(filter %.o,$^) $(LIBS_ENGINE)
$(BIN)/warp17-cli: $(COMMON) $(CLI) $(LEAVE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_CLI)
$(BIN)/warp17-stats-exporter: $(COMMON) $(EXPORTER) $(LEAVE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_EXPORTER)
$(UNITS): $(B)/%: $(B)/%.o $(TESTABLE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_TEST)
# the engine hands what it sends and delivers to test/sim/check.c first
$(SIM): $(call obj,$(sort $(wildcard test/sim/*.c))) $(filter-out %/stack.o,$(TESTABLE)) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_SIM)
# the same without header prediction, which must make no difference
TCP_NEXT := $(B)/engine/l4_tcp/tcp_next
$(SIM_STEPS): $(call obj,$(sort $(wildcard test/sim/*.c))) $(filter-out %/stack.o $(TCP_NEXT).o,$(TESTABLE)) $(TCP_NEXT)_steps.o $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_SIM)
$(TCP_NEXT)_steps.o: engine/l4_tcp/tcp_next.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS) -DPREDICT=0 -c -o $@ $<
$(PEERS) $(METER): $(B)/%: $(B)/%.o $(COMMON) $(LEAVE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_EAL)
POINTLESS = $(filter-out $(POINTS:%=$(B)/%.o),$(1))
$(B)/test/torture/victim: $(call POINTLESS,$(COMMON) $(CLI)) $(B)/victim/common/abi/attach.o $(B)/victim/cli/main.o $(B)/test/torture/crash_point.o $(LEAVE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) $(INSIDE) -o $@ $(filter %.o,$^) $(LIBS_CLI)
$(B)/test/torture/victim-exporter: $(call POINTLESS,$(COMMON) $(EXPORTER)) $(B)/victim/common/abi/attach.o $(B)/victim/stats-exporter/sample.o $(B)/test/torture/crash_point.o $(LEAVE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) $(INSIDE) -o $@ $(filter %.o,$^) $(LIBS_EXPORTER)
$(PROBER): $(PROBER).o $(COMMON) $(filter-out %/main.o,$(CLI)) $(LEAVE) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_CLI)
$(BRIDGE): $(B)/test/interop/bridge.o $(B)/engine/l1_port/faults.o $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(call pc,--libs libdpdk)
# the packet path as the engine has it, for profilers
$(B)/test/bench/path: $(B)/test/bench/path.o $(TESTABLE) $(B)/objects
	$(call say,LD,$@)$(CC) $(filter-out -fno-lto,$(LDFLAGS)) $(if $(LTO),-O3 -g -flto=2) -o $@ $(filter %.o,$^) $(LIBS_TEST)
$(B)/test/bench/gaps_bench: $(B)/engine/lcore/preempt.o
$(BENCHES): $(B)/%: $(B)/%.o $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBS_ENGINE)

# what the exporter and the CLI make of a segment is pure too
DOCUMENTS := $(filter $(addprefix $(B)/stats-exporter/,sample% json% document% people% prom% buckets% out% accept% process%),$(EXPORTER))
$(B)/test/unit/exporter_test: $(DOCUMENTS) $(B)/stats-exporter/listen.o
$(B)/test/unit/scrape_cost_test $(B)/test/unit/exporter_parts_test: $(DOCUMENTS)
$(B)/test/unit/record_test: $(DOCUMENTS) $(addprefix $(B)/stats-exporter/,csv.o sink.o record_opts.o)
VIEWS := $(filter $(addprefix $(B)/cli/,show% since% render% grid%),$(CLI))
$(B)/test/unit/show_test $(B)/test/unit/show_config_test: $(VIEWS)
RPC_PURE := $(VIEWS) $(patsubst %,$(B)/cli/rpc_%.o,frame map method result schema listen token)
$(B)/test/unit/rpc_test: $(RPC_PURE)
$(B)/test/unit/ui_test: $(VIEWS) $(addprefix $(B)/cli/,ui_panes.o ui_layout.o)

# a fuzz target: with libFuzzer, or with a main() that runs it on files
$(FUZZERS): $(B)/%: $(B)/%_fuzz.o $(TESTABLE) $(if $(filter fuzz,$(MODE)),,$(B)/test/fuzz/replay.o) $(B)/objects
	$(call say,LD,$@)$(CC) $(LDFLAGS) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(LIBS_TEST) $(call pc,--libs libmicrohttpd gnutls numa)
$(B)/test/fuzz/request: $(filter-out %/server.o,$(filter $(B)/engine/mgmt/%,$(ENGINE))) $(B)/engine/boot/lazy.o
$(B)/test/fuzz/header: $(addprefix $(B)/stats-exporter/,access.o query.o listen.o)
$(B)/test/fuzz/rpc: $(RPC_PURE)
$(B)/test/fuzz/scrape: $(filter-out %/main.o %/watch.o,$(EXPORTER))

# A file that holds a text, new when the text is: what is built by it depends on it.
stamp = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
# every object also depends on the flags it was built with, and on the libraries whose headers -MMD leaves out
$(B)/flags: FORCE
	$(call stamp,$(CC) $(CFLAGS) $(call pc,--modversion $(PKGS)))
# every program on which objects it was made of, of which one may be gone, and on how they were linked
$(B)/objects: FORCE
	$(call stamp,$(COMMON) $(ENGINE) $(CLI) $(EXPORTER) $(LDFLAGS) $(LIBS_ENGINE) $(LIBS_CLI) $(LIBS_EXPORTER) $(LIBS_TEST) $(LIBS_SIM))
$(B)/version: FORCE
	$(call stamp,$(VERSION_TEXT))
# what engine and clients must have in common; a program of another sum is refused at attach
ABI_SRC := $(sort $(wildcard common/abi/*.h common/cmd/*.h common/cmd/*.def common/stats/*.h common/stats/*.def common/util/ip.h))
ABI_SUM := $(shell cat $(ABI_SRC) | cksum | cut -d' ' -f1)
$(B)/abi: FORCE
	$(call stamp,$(ABI_SUM))
$(B)/common/cmd/table.o: EXTRA_DEF := -DWARP17_ABI_SUM='UINT64_C($(ABI_SUM))'
$(B)/common/cmd/table.o: $(B)/abi
FORCE:
$(B)/common/util/version.o: EXTRA_DEF := -DWARP17_VERSION='"$(VERSION_TEXT)"'
$(B)/common/util/version.o: $(B)/version
# the live page: its files as they are, compressed, and named by what is in them; page.c takes them in
PAGE := $(B)/page
PAGE_FILES := $(shell sed -n 's/^ASSET.*"\([a-z]*\.[a-z]*\)", *"text.*/\1/p' stats-exporter/page/assets.def 2>/dev/null)
$(B)/stats-exporter/page.o: EXTRA_DEF := -DPAGE_DIR='"$(PAGE)"'
$(B)/stats-exporter/page.o: $(foreach k,raw gz tag,$(PAGE_FILES:%=$(PAGE)/%.$k))
$(PAGE)/dygraph.js.raw: stats-exporter/page/dygraph.licence $(DYGRAPH)
	@mkdir -p $(@D)
	$(call say,PAGE,$(DYGRAPH))sed '/^\/\/# sourceMappingURL/d' $^ > $@
$(PAGE)/%.raw: stats-exporter/page/%
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(PAGE)/%.gz: $(PAGE)/%.raw
	$(Q)gzip -9nc $< > $@
$(PAGE)/%.tag: $(PAGE)/%.raw
	$(Q)sha256sum < $< > $@
EXTRA_DEF :=
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS) $(EXTRA_DEF) -c -o $@ $<
$(B)/victim/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CFLAGS) -DWARP17_FAULTS -c -o $@ $<

demo:
	$(Q)scripts/demo
test:
	$(Q)scripts/test
unit: $(UNITS)
	$(Q)rc=0; for t in $(UNITS); do echo "  TEST    $$t"; $$t || rc=1; done; exit $$rc
asan:
	$(Q)$(MAKE) -s MODE=asan unit replay all peers
	$(Q)scripts/asan
# one after the other; what they find new stays in build/fuzz/corpus/<target>, what ends one beside it
fuzz:
	$(Q)scripts/install-deps --fuzz
	$(Q)$(MAKE) -s MODE=fuzz fuzzers
	$(Q)scripts/fuzz $(SECONDS) $(TARGETS)
fuzzers: $(FUZZERS)
# the inputs that found something or went somewhere, without libFuzzer
replay: $(FUZZERS)
	$(Q)for t in $(FUZZERS); do \
		$$t test/fuzz/corpus/$${t##*/} >$$t.log 2>&1 && grep '^\[  ' $$t.log || { cat $$t.log; echo "[  FAILED  ] $$t"; exit 1; }; \
	done
sim:
	$(Q)$(MAKE) -s MODE=$(SIM_MODE) sim-run
sim-run: $(SIM) $(SIM_STEPS)
	$(Q)test/sim/self_test.sh $(SIM)
	$(Q)$(SIM) --file test/sim/regressions.txt
	$(Q)test/sim/predict.sh $(SIM) $(SIM_STEPS) $(PREDICT_SEEDS) $(FROM)
	$(Q)$(SIM) --seeds $(SEEDS) --from $(FROM)
peers: $(PEERS) $(BRIDGE) $(VICTIM) $(PROBER) $(BENCHES) $(METER)
functional: all peers
	$(Q)/usr/bin/python3 -m pytest -q -m 'not long' test/functional
long: all peers
	$(Q)/usr/bin/python3 -m pytest -q -m long test/functional
torture: all peers
	$(Q)/usr/bin/python3 test/torture/torture.py $(if $(SECONDS),--seconds $(SECONDS)) $(if $(KILLS),--kills $(KILLS))
interop: all peers
	$(Q)scripts/interop
bench: all $(BENCHES) $(METER)
	$(Q)/usr/bin/python3 test/bench/bench.py $(WORK)
bench-compare: all $(BENCHES) $(METER)
	$(Q)/usr/bin/python3 test/bench/bench.py --compare $(WORK)
bench-scaling: all
	$(Q)/usr/bin/python3 test/bench/scaling.py $(WORK)
bench-40m: all $(BENCHES)
	$(Q)SCALE=$(SCALE) /usr/bin/python3 test/bench/forty.py
profile: all
	$(Q)/usr/bin/python3 test/bench/profile.py $(if $(CACHE),--cache) $(WORK)
# what profile.py builds for callgrind, in a tree of its own
path: $(B)/test/bench/path
check: lint style
	@echo "PASS: check"
style: $(BIN)/warp17-cli $(BIN)/warp17-stats-exporter
	$(Q)clang-format --dry-run -Werror $(ALL_SRC)
	$(Q)for d in $(DOCS); do $(BIN)/warp17-cli --reference $$d | cmp -s - doc/$$d.md || { echo "doc/$$d.md: not current, make docs"; exit 1; }; done
	$(Q)stats-exporter/schema/make.py --check $(BIN)/warp17-stats-exporter
	$(Q)scripts/python/make_methods.py --check $(BIN)/warp17-cli
	$(Q)scripts/warp17-run --schema | cmp -s - doc/schema/warp17-plan.json || { echo "doc/schema/warp17-plan.json: not current, make docs"; exit 1; }
	$(Q)scripts/check-size.sh $(ALL_SRC)
	$(Q)scripts/check-tokens.sh $(ALL_SRC)
	$(Q)scripts/check-layers.sh $(ALL_SRC)
	$(Q)scripts/check-conformance.sh >/dev/null
	$(Q)scripts/check-app.sh
	$(Q)scripts/check-headers.sh $(CC) '$(filter-out -MMD -MP,$(CFLAGS))' $(filter %.h,$(ALL_SRC))
	$(Q)shellcheck -S warning scripts/completion/*.bash $$(find scripts -maxdepth 1 -type f | xargs grep -LE '^#!.*python') test/sim/*.sh .ci/run
lint:
	$(Q)printf '%s\n' $(filter-out test/%,$(filter %.c,$(ALL_SRC))) | xargs -P $$(nproc) -I{} \
		clang-tidy --quiet {} -- -std=gnu2x -D_GNU_SOURCE -I. $(call sys,$(PKGS)) -march=$(ARCH) 2>/dev/null
format:
	$(Q)clang-format -i $(ALL_SRC)
docs: $(BIN)/warp17-cli $(BIN)/warp17-stats-exporter
	$(Q)for d in $(DOCS); do $(BIN)/warp17-cli --reference $$d > doc/$$d.md; done
	$(Q)stats-exporter/schema/make.py $(BIN)/warp17-stats-exporter
	$(Q)scripts/python/make_methods.py $(BIN)/warp17-cli
	$(Q)scripts/warp17-run --schema > doc/schema/warp17-plan.json
pictures: all
	$(Q)trap 'scripts/hugepages release $$$$' EXIT; scripts/hugepages ensure 300 $$$$ && /usr/bin/python3 test/functional/pictures.py
# The tree as the launcher knows it stands in LIB, what users call are links. A configuration that is there stays.
LIB := $(PREFIX)/lib/warp17
SHARE := $(PREFIX)/share/warp17
UNITS_TO := $(PREFIX)/lib/systemd/system
COMPLETE_TO := $(PREFIX)/share/bash-completion/completions
install: all
	$(Q)install -d $(addprefix '$(DESTDIR)',$(LIB)/bin $(LIB)/scripts $(LIB)/config/examples $(PREFIX)/bin $(UNITS_TO) \
		$(PREFIX)/share/man/man1 $(PREFIX)/share/man/man8 $(addprefix $(SHARE)/,prometheus grafana schema) $(addprefix $(SYSCONFDIR)/,warp17 logrotate.d))
	$(Q)install $(PROGS) '$(DESTDIR)$(LIB)/bin'
	$(Q)install $(addprefix scripts/,warp17 warp17-run warp17-fleet warp17-search hugepages doctor demo example) '$(DESTDIR)$(LIB)/scripts'
	$(Q)install -m 644 scripts/lib.sh scripts/config.sh '$(DESTDIR)$(LIB)/scripts'
	$(Q)install -m 644 config/examples/* '$(DESTDIR)$(LIB)/config/examples'
	$(Q)[ -e '$(DESTDIR)$(SYSCONFDIR)/warp17/warp17.conf' ] || install -m 644 config/warp17.conf '$(DESTDIR)$(SYSCONFDIR)/warp17'
	$(Q)install -m 644 config/logrotate/warp17 '$(DESTDIR)$(SYSCONFDIR)/logrotate.d'
	$(Q)ln -sfn '$(SYSCONFDIR)/warp17/warp17.conf' '$(DESTDIR)$(LIB)/config/warp17.conf'
	$(Q)ln -sfn ../lib/warp17/scripts/warp17 '$(DESTDIR)$(PREFIX)/bin/warp17'
	$(Q)for f in run fleet search; do ln -sfn ../lib/warp17/scripts/warp17-$$f '$(DESTDIR)$(PREFIX)/bin/'warp17-$$f || exit 1; done
	$(Q)ln -sfn ../lib/warp17/bin/warp17-cli '$(DESTDIR)$(PREFIX)/bin/warp17-cli'
	$(Q)ln -sfn ../lib/warp17/bin/warp17-stats-exporter '$(DESTDIR)$(PREFIX)/bin/warp17-stats-exporter'
	$(Q)for u in config/systemd/*; do sed 's#/usr/local/bin#$(PREFIX)/bin#; s#/etc/warp17#$(SYSCONFDIR)/warp17#' $$u | \
		install -m 644 /dev/stdin '$(DESTDIR)$(UNITS_TO)/'$${u##*/} || exit 1; done
	$(Q)install -d $(addprefix '$(DESTDIR)$(SHARE)'/,python/warp17 perl examples/python examples/perl examples/plans)
	$(Q)install -m 644 $(addprefix scripts/python/warp17/,*.py py.typed *.json *.css *.js) '$(DESTDIR)$(SHARE)/python/warp17'
	$(Q)install -m 644 $(PAGE)/dygraph.js.raw '$(DESTDIR)$(SHARE)/python/warp17/dygraph.js'
	$(Q)install -m 644 scripts/python/pyproject.toml '$(DESTDIR)$(SHARE)/python'
	$(Q)install -m 644 scripts/perl/Warp17.pm '$(DESTDIR)$(SHARE)/perl'
	$(Q)install examples/python/*.py '$(DESTDIR)$(SHARE)/examples/python'
	$(Q)install -m 644 examples/plans/* '$(DESTDIR)$(SHARE)/examples/plans'
	$(Q)install -D -m 644 -t '$(DESTDIR)$(SHARE)/examples/fleet' examples/fleet/*
	$(Q)find config/ansible config/kubernetes -type f ! -name inventory.yml ! -path '*/pki/*' ! -path '*/reports/*' | \
		while read -r f; do install -D -m 644 $$f '$(DESTDIR)$(SHARE)/'$${f#config/} || exit 1; done
	$(Q)install examples/perl/*.pl '$(DESTDIR)$(SHARE)/examples/perl'
	$(Q)install -D -m 644 scripts/completion/warp17.bash '$(DESTDIR)$(COMPLETE_TO)/warp17'
	$(Q)for c in cli stats-exporter run fleet search; do ln -sfn warp17 '$(DESTDIR)$(COMPLETE_TO)/'warp17-$$c || exit 1; done
	$(Q)install -m 644 doc/man/*.1 '$(DESTDIR)$(PREFIX)/share/man/man1'
	$(Q)install -m 644 config/prometheus/* '$(DESTDIR)$(SHARE)/prometheus'
	$(Q)install -m 644 config/grafana/* '$(DESTDIR)$(SHARE)/grafana'
	$(Q)install -m 644 doc/man/*.8 '$(DESTDIR)$(PREFIX)/share/man/man8'
	$(Q)install -m 644 doc/schema/*.json '$(DESTDIR)$(SHARE)/schema'
compdb:
	$(Q)scripts/compdb.sh > compile_commands.json
clean:
	rm -rf build compile_commands.json
help:
	@sed -n '/^[^#]*$$/q;s/^# \{0,1\}//p' Makefile

-include $(shell find $(B) -name '*.d' 2>/dev/null)
