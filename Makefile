# The usual verbs. `make` builds and stages, `make demo` serves a Django site, `make test` runs every test.
#
# `make host PYTHON=…` adds a host library for that Python alone, which a free-threaded one needs (docs/interpreters.md).
#
# Variables: APXS (another httpd), PYTHON (the default Python, /usr/bin/python3), DESTDIR and PREFIX
# (install, uninstall), PORT (demo), TESTS (files or options for pytest).

SHELL := /bin/bash
export CARGO_TARGET_DIR ?= target
STAGE := target/stage
PYTHON ?= /usr/bin/python3
TESTS ?= tests
JOBS ?= 4

stage = mkdir -p $(1) && \
	install -m 755 $(CARGO_TARGET_DIR)/$(2)/libmod_wsgi.so $(1)/mod_wsgi.so && \
	install -m 755 $(CARGO_TARGET_DIR)/$(2)/libmod_wsgi_host.so $(1)/mod_wsgi_host.abi3.so && \
	install -m 755 $(CARGO_TARGET_DIR)/$(2)/mod_wsgi_leader $(1)/mod_wsgi_leader && \
	install -m 755 $(CARGO_TARGET_DIR)/$(2)/mod_wsgi-express $(1)/mod_wsgi-express

.PHONY: all host faults install uninstall packages demo test units lint book bench soak deb rpm wheel test-packages reproducible image test-docker clean

all:
	cargo build --release
	@$(call stage,$(STAGE),release)

# For PYTHON alone, beside the one for all; it comes first wherever its Python runs.
host: abi = $(abspath $(CARGO_TARGET_DIR))/python-abi
host:
	@mkdir -p $(STAGE) $(CARGO_TARGET_DIR)
	suffix=$$($(PYTHON) crates/host/abi.py $(abi)) && \
	PYO3_CONFIG_FILE=$(abi) cargo build --release -p host --no-default-features && \
	install -m 755 $(CARGO_TARGET_DIR)/release/libmod_wsgi_host.so $(STAGE)/mod_wsgi_host$$suffix

# A debug build with the fault points that some tests trigger.
faults:
	cargo build --features faults,host/faults
	@$(call stage,$(STAGE)-faults,debug)

install:
	apxs/install install $(STAGE)

uninstall:
	apxs/install uninstall

packages:
	@apxs/packages

demo: packages
	@$(MAKE) --no-print-directory all
	@exec demo/run

.venv/ready: tests/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

units:
	cargo test --workspace --quiet

test:
	@apxs/packages openssl
	$(MAKE) --no-print-directory units all faults .venv/ready
	.venv/bin/python -m pytest $(TESTS) -n $(JOBS) --dist worksteal
	MOD_WSGI_STAGE=$(STAGE)-faults .venv/bin/python -m pytest tests/process -n $(JOBS) --dist worksteal
	.venv/bin/python -m pytest tests/host -n $(JOBS) --dist worksteal

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	tests/checks/layering

# Needs mdbook: cargo install mdbook.
book:
	mdbook build

bench: all
	tests/bench/run

# Ten minutes of load, reloads and kills, then 1,500 graceful restarts; not a part of `make test`.
soak: all .venv/ready
	.venv/bin/python tests/soak/run
	.venv/bin/python tests/soak/restarts

# Packages, in target/package: each builds the parts anew, as Cargo.lock says and without a trace of this machine. The
# tools cargo-deb and cargo-generate-rpm are installed below target if they are not in PATH.
deb rpm wheel:
	@packaging/$@

# What is in them, what they do to a clean Debian (as root), and the wheel in every Python that is here.
test-packages: .venv/ready
	@packaging/all
	MOD_WSGI_SO=$${STAGE:-$(CARGO_TARGET_DIR)/package/stage}/mod_wsgi.so .venv/bin/python -m pytest tests/packages

# Builds everything twice, in different folders, and compares the bytes.
reproducible:
	@packaging/reproducible

# The server's image, the demo's on top of it, and their tests; docs/containers.md. BUILD_ARGS are options of docker build.
image:
	docker build $(BUILD_ARGS) -f docker/Dockerfile -t mod_wsgi .

# POSTGRES_IMAGE: another one than the official image, which an engine without a registry does not have.
test-docker: .venv/ready
	@docker version >/dev/null 2>&1 || { echo "test-docker: NO CONTAINER ENGINE ANSWERS HERE, nothing is tested"; exit 0; }; \
	set -e; $(MAKE) --no-print-directory image; docker build $(BUILD_ARGS) -f docker/demo/Dockerfile -t mod_wsgi-demo .; \
	docker image inspect $${POSTGRES_IMAGE:=postgres:17} >/dev/null 2>&1 || docker pull -q "$$POSTGRES_IMAGE" || { \
		POSTGRES_IMAGE=postgres-for-tests; docker build $(BUILD_ARGS) -t $$POSTGRES_IMAGE tests/docker/postgres; }; \
	POSTGRES_IMAGE=$$POSTGRES_IMAGE .venv/bin/python -m pytest tests/docker --confcutdir=tests/docker -rs

clean:
	rm -rf target .venv
