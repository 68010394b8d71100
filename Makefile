# The commands that people type. Build modes are in CMakePresets.json, targets in the CMakeLists.txt files.
PREFIX ?= /usr/local
SEED ?= 1
RUNS ?= 1000
T ?= natpmp
S ?= 60
BUILD_DIR ?= build/dev
CLIENTS ?= tests/lab/clients/client_*.py

configure = test -f build/$1/build.ninja || cmake --preset $1 --log-level=WARNING >/dev/null
build = $(call configure,$1) && cmake --build --preset $1 $2 -- --quiet

.PHONY: all release dev routerd simulation tools test demo lab clients bench sim load fuzz tidy format screenshot images images-test deb package-test install clean

all: release

# build/release/double-natpmp: optimised, hardened, asserts on.
release:
	@$(call build,release)

# build/dev: AddressSanitizer and UndefinedBehaviorSanitizer, and all tests.
dev:
	@$(call build,dev)

# The router of the lab without sanitizers.
routerd:
	@$(call build,sim,--target routerd)

# The simulation and the crashes, optimised.
simulation:
	@$(call build,sim,--target sim crash)

# The tools of the benchmark and of the instruction budget (bench/check_budget).
tools:
	@$(call build,release,--target bench)

test:
	@./test

demo:
	@./demo

# The tests in network namespaces alone. A part of them: make lab LAB="-k expiry"
lab: dev
	@tools/install lab test
	@tests/lab/node/install $(BUILD_DIR)
	@BUILD_DIR=$(BUILD_DIR) tests/lab/enter /usr/bin/python3 -m pytest -p no:cacheprovider -n 4 tests/lab $(LAB)

# The daemon at the limits of this machine, in one table (docs/performance.md). It takes three minutes.
bench: release tools
	@tools/install bench
	@tests/lab/enter bench/run $(BENCH)

# Real clients, measured for five minutes, all at once. Prints the table of docs/clients.md. One client alone:
# make clients CLIENTS=tests/lab/clients/client_syncthing.py
clients: dev
	@tools/install lab test clients
	@tests/lab/node/install $(BUILD_DIR)
	@BUILD_DIR=$(BUILD_DIR) tests/lab/enter /usr/bin/python3 -m pytest -p no:cacheprovider -n 12 $(CLIENTS)

# The simulation from that seed on: make sim SEED=7 RUNS=100
sim: simulation
	@build/sim/sim --seed $(SEED) --runs $(RUNS)

# Many clients for so many seconds, and a flood of packets; prints figures: make load S=60
load: S = 300
load: release
	@tools/install lab
	@$(call build,sim,--target routerd --target gatewayd --target strangers)
	@BUILD_DIR=build/sim tests/lab/enter tests/load/load.py --seconds $(S)

# That fuzz target for so many seconds; new inputs go to build/fuzz/corpus: make fuzz T=natpmp S=60
fuzz:
	@tools/install fuzz
	@$(call build,fuzz,--target fuzz_$(T))
	@mkdir -p build/fuzz/corpus/$(T)
	@build/fuzz/fuzz_$(T) -max_total_time=$(S) -print_final_stats=1 build/fuzz/corpus/$(T) tests/fuzz/corpus/$(T)

tidy: dev
	@tools/install tidy
	@tools/tidy

format:
	@tools/install tidy
	@clang-format -i $$(git ls-files '*.c' '*.h')

# The pictures of page and terminal in the README.
screenshot: dev
	@tools/install lab
	@UPDATE=1 build/dev/unit page >/dev/null
	@UPDATE=1 build/dev/unit status >/dev/null
	@tools/screenshot

# Container images for RouterOS and Docker, static and without a container tool: build/images/*.tar.
images:
	@tools/install build images
	@tools/images/build

# Tests the files in the images, runs the unit tests on each processor under QEMU, and the lab with the amd64 image.
images-test: images dev
	@tools/install lab test images-test
	@tests/lab/node/install $(BUILD_DIR)
	@tests/images/run

# The Debian package for amd64 and arm64, built in a small Debian of its own: build/deb/*.deb. Needs root.
deb:
	@tools/install deb
	@tools/deb

# Each way to get double-natpmp, from the registry, the Containerfile and the package to a mapped port, in places where
# nothing was built before. A part of it: make package-test PACKAGE="-k deb"
package-test: images deb
	@$(call build,dev,--target routerd --target gatewayd)
	@tools/install lab test deb package-test
	@tests/package/run $(PACKAGE)

install: PROGRAM ?= build/release/double-natpmp
install: release
	@install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/double-natpmp
	@install -D -m 644 dist/double-natpmp.8 $(DESTDIR)$(PREFIX)/share/man/man8/double-natpmp.8
	@install -D -m 644 dist/double-natpmp.service $(DESTDIR)$(PREFIX)/lib/systemd/system/double-natpmp.service
	@sed -i 's|^ExecStart=/usr/local/|ExecStart=$(PREFIX)/|' $(DESTDIR)$(PREFIX)/lib/systemd/system/double-natpmp.service

clean:
	@rm -rf build
