# Everything from a fresh clone: `make demo` shows a failover, `make test` runs every test.
# Both install what they need (Debian packages, as root) and can be run again at any time.

CARGO ?= cargo
BIN := target/release/reveille
PACKAGES := openssh-server openssh-client apache2 curl iproute2 iputils-arping iputils-ping nftables \
            systemd-container util-linux procps bind9 bind9-dnsutils sendmail-bin sendmail-cf redis-server rsync sshfs \
            strace sudo resource-agents monitoring-plugins-basic age pass

.PHONY: help demo test unit lint bench bench-watch tables book mdbook deb build deps clean

help:
	@echo 'make demo    a real failover between real hosts on this machine (root)'
	@echo 'make test    format, lints and every test; lab tests run when root'
	@echo 'make bench   timings beside Ansible, as ratios (root)'
	@echo 'make bench-watch  the outage a client sees, beside keepalived (root)'
	@echo 'make tables  drills of the shipped services, and the results chapter; hours (root); QUICK=1: minutes'
	@echo 'make book    the manual as HTML in book/book'
	@echo 'make deb     the Debian package, in target/debian'

demo: deps build
	tests/demo.sh $(BIN)

test: deps lint
	@tests/deps.sh python3-venv
	@tests/ansible.sh
	$(CARGO) build --bin reveille
	tests/run.sh

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

bench: deps build
	@tests/deps.sh python3-venv
	$(CARGO) build --release --example warm_line
	benches/field.sh $(BIN) target/release/examples/warm_line

bench-watch: deps build
	@tests/deps.sh keepalived jq
	benches/watch.sh $(BIN)

tables: deps build
	benches/tables.sh $(BIN)

book: mdbook
	target/tools/bin/mdbook build book

mdbook:
	@tests/tool.sh mdbook 0.5.4 --no-default-features --features search

deb: build
	@tests/deps.sh binutils dpkg-dev
	tests/tool.sh cargo-deb 3.8.0 --no-default-features --features lzma
	tests/deb.sh $(BIN) target/debian

build:
	$(CARGO) build --release

# Only asks apt for what is missing, so that a machine that has everything needs no network.
deps:
	@tests/deps.sh $(PACKAGES)

clean:
	$(CARGO) clean
