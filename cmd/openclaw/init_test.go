package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Bounds on what initialising one package may allocate, with or without a
// request. Time depends on the machine and on who else uses it; what is
// allocated does not.
const (
	ourBytes, ourAllocs     = 2 << 10, 64
	theirBytes, theirAllocs = 8 << 10, 64
)

// heavy are packages of others above the bound, with what links them. What is
// initialised with a package cannot be put off in Go: only leaving it out can.
func heavy() map[string]string {
	return map[string]string{
		"unicode":                              "tables of scripts; everything that reads text",
		"html/template":                        "pages of the Control UI",
		"golang.org/x/net/html":                "web_fetch: two maps of 2,231 entities; a parser of our own would have to be as exact",
		"golang.org/x/text/encoding/htmlindex": "web_fetch: names of character sets",
		"mvdan.cc/sh/v3/fileutil":              "patterns of first lines; the shell parser imports it",
	}
}

const asProgram = "OPENCLAW_TEST_AS_PROGRAM"

// TestMain makes this test the program itself when it is told to be: so all of
// the program is linked and initialised as in a build.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Args = []string{"openclaw", "--version"}
		main()
	}
	os.Exit(m.Run())
}

// initTrace is what the start of this program, with all its packages, reports.
func initTrace(t *testing.T) map[string][2]int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1", asProgram+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	out := map[string][2]int{}
	for in := bufio.NewScanner(&stderr); in.Scan(); {
		// init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
		var name, at, took string
		var bytes, allocs int
		if _, err := fmt.Sscanf(in.Text(), "init %s @%s ms, %s ms clock, %d bytes, %d allocs", &name, &at, &took, &bytes, &allocs); err != nil {
			continue
		}
		out[name] = [2]int{bytes, allocs}
	}
	return out
}

// A start does no work that a first request could do: no package of ours
// builds tables, patterns or indexes when it is initialised, and what others
// build is known.
func TestInitIsSmall(t *testing.T) {
	const ours = "github.com/openclaw-go/openclaw/"
	trace := initTrace(t)
	known, mine := heavy(), 0
	for name, cost := range trace {
		what := fmt.Sprintf("initialising %s takes %d bytes in %d allocations", name, cost[0], cost[1])
		if strings.HasPrefix(name, ours) {
			mine++
			if cost[0] > ourBytes || cost[1] > ourAllocs {
				t.Errorf("%s, at most %d in %d: build it for the first request (sync.OnceValue)", what, ourBytes, ourAllocs)
			}
			continue
		}
		over := cost[0] > theirBytes || cost[1] > theirAllocs
		if _, ok := known[name]; over != ok {
			t.Errorf("%s, the bound is %d in %d, listed: %v", what, theirBytes, theirAllocs, ok)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("%s is listed and not linked any more", name)
	}
	if mine == 0 || len(trace) < 50 {
		t.Errorf("the trace names %d packages, %d of them ours", len(trace), mine)
	}
}
