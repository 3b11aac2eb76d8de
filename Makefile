# make run    builds and starts the gateway on a hardened home
# make test   installs what the tests need and runs them
# make check  everything CI runs
# make image  the container image openclaw:local
# make install  puts the binary where cron finds it (PREFIX=/usr)
SHELL := /bin/bash
GO ?= go
export CGO_ENABLED ?= 0
VERSION := $(shell cat VERSION)
LDFLAGS := -s -w -X github.com/openclaw-go/openclaw/internal/cli.version=$(VERSION)

# Where cron's short PATH finds it (guide, the nightly audit).
PREFIX ?= /usr
DESTDIR ?=

.PHONY: build install image run test check bench bench-audit soak deps lint cross stage clean

stage:
	@scripts/build-stage

build: stage
	$(GO) build -trimpath -tags openclaw_stage -ldflags '$(LDFLAGS)' -o bin/openclaw ./cmd/openclaw

install: build
	install -D -m 0755 bin/openclaw $(DESTDIR)$(PREFIX)/bin/openclaw

run: build
	@if [ "$$(id -u)" = 0 ]; then exec bin/openclaw up --allow-root; else exec bin/openclaw up; fi

image: build
	@scripts/image --binary bin/openclaw

deps:
	@scripts/test-deps

test: deps stage
	$(GO) test -tags openclaw_stage ./...

lint: stage
	@scripts/lint

cross: stage
	@scripts/cross

check: deps lint build cross
	@scripts/check

bench: build
	@scripts/bench

bench-audit: build
	@scripts/bench-audit

soak: deps build
	@scripts/soak

clean:
	rm -rf bin internal/sandbox/linux/stage/bin test/artefacts
