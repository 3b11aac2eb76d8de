//go:build amd64 || arm64

package gate_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// between does something after a run was judged and sealed, before it starts.
type between struct {
	sandbox.Runner
	do func()
}

func (b between) Run(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Result, error) {
	b.do()
	return b.Runner.Run(ctx, p, c)
}

func (b between) Start(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Process, error) {
	b.do()
	return b.Runner.Start(ctx, p, c)
}

// program puts something executable into the workspace.
func (c *cage) program(name, text string) string {
	path := c.put(name, text)
	must(c.t, os.Chmod(path, 0o755))
	return path
}

// TestR25RunsWhatWasJudged: whatever is written to the place of a program or a
// script after it was judged, the run executes what was judged, at its place.
func TestR25RunsWhatWasJudged(t *testing.T) {
	c := sandboxed(t)
	const judged, evil = "echo judged \"$0\"\n", "echo evil \"$0\"\n"
	script := c.put("sub/x.sh", judged)
	tool := c.program("sub/tool", "#!/bin/sh\n"+judged)
	overwrite := func(path, head string) func() {
		return func() { must(t, os.WriteFile(path, []byte(head+evil), 0o755)) }
	}
	replace := func(path, head string) func() {
		return func() { must(t, os.Rename(c.program("new", head+evil), path)) }
	}
	for name, tt := range map[string]struct {
		command, zero string
		before        func()
	}{
		"a script, written over": {"sh sub/x.sh", "sub/x.sh", overwrite(script, "")},
		"a script, replaced":     {"sh sub/x.sh", "sub/x.sh", replace(script, "")},
		"by its whole path":      {"bash " + script, script, overwrite(script, "")},
		"a program":              {tool, tool, overwrite(tool, "#!/bin/sh\n")},
		"a program, replaced":    {tool, tool, replace(tool, "#!/bin/sh\n")},
		"by a relative path":     {"./sub/tool", tool, overwrite(tool, "#!/bin/sh\n")},
		"within a line":          {"true && " + tool + " | cat", tool, overwrite(tool, "#!/bin/sh\n")},
	} {
		t.Run(name, func(t *testing.T) {
			c.put("sub/x.sh", judged)
			c.program("sub/tool", "#!/bin/sh\n"+judged)
			c.around = between{c.runner, tt.before}
			out := c.run(tt.command, 0)
			if !strings.Contains(out.Text, "judged "+tt.zero+"\n") || strings.Contains(out.Text, "evil") {
				t.Errorf("%q (exit %d)", out.Text, out.Run.ExitCode)
			}
		})
	}
}

// TestR25ChangedContentIsRefused: what is not what was judged when the copy is
// made does not run at all.
func TestR25ChangedContentIsRefused(t *testing.T) {
	c := sandboxed(t)
	script := c.put("x.sh", "echo judged\n")
	sum := c.sumOf("echo judged\n")
	must(t, os.WriteFile(script, []byte("echo other\n"), 0o644))
	ran := false
	e := gate.Exec{Runner: between{c.runner, func() { ran = true }}, Programs: gate.NewPrograms(), Rules: c.rules, Jobs: c.jobs, Sealer: c.sealer}
	if out := c.effect(e, policy.Program{Path: script, SHA256: sum}); out.Status != gate.Refused || out.Decision.Rule != gate.RuleContentChanged || ran {
		t.Errorf("%s %s, ran %v: %s", out.Status, out.Decision.Rule, ran, out.Text)
	}
	// Without a place for copies nothing runs that can be changed.
	e.Sealer = nil
	must(t, os.WriteFile(script, []byte("echo judged\n"), 0o644))
	if out := c.effect(e, policy.Program{Path: script, SHA256: sum}); out.Status != gate.Failed || ran {
		t.Errorf("without a sealer: %s, ran %v: %s", out.Status, ran, out.Text)
	}
}

// TestR25CopyIsHeldToItsHash: a copy that was changed is made anew.
func TestR25CopyIsHeldToItsHash(t *testing.T) {
	c := sandboxed(t)
	script := c.put("x.sh", "echo judged\n")
	if out := c.run("sh x.sh", 0); out.Text != "judged\n" {
		t.Fatal(out.Text)
	}
	sealed := filepath.Join(c.dir, "sealed", c.sumOf("echo judged\n"))
	must(t, os.Chmod(sealed, 0o700))
	must(t, os.WriteFile(sealed, []byte("echo evil\n"), 0o700))
	if out := c.run("sh x.sh", 0); out.Text != "judged\n" {
		t.Errorf("%q", out.Text)
	}
	if _, err := os.Stat(script); err != nil {
		t.Error(err)
	}
}

// TestR25ReplacedWhileItRuns: a name that another program gives to another file
// is told of, and what the run put out counts as from outside.
func TestR25ReplacedWhileItRuns(t *testing.T) {
	c := sandboxed(t)
	script := c.put("x.sh", "echo up > ready\nwhile [ ! -e go ]; do sleep 0.02; done\necho end\n")
	done := make(chan gate.Outcome)
	go func() { done <- c.use("exec", map[string]any{"command": "sh x.sh"}, 0) }()
	c.filled("ready")
	must(t, os.Rename(c.put("other", "echo evil\n"), script))
	c.put("go", "now")
	out := <-done
	if out.Run == nil || !slices.Equal(out.Run.Replaced, []string{script}) || out.Labels != strict {
		t.Errorf("%+v, labels %v: %q", out.Run, out.Labels, out.Text)
	}
	if !strings.Contains(out.Text, "was replaced while this ran") {
		t.Errorf("%q", out.Text)
	}
	// The program that it was cannot do it to itself.
	c.put("y.sh", "rm -f y.sh; mv other2 y.sh; echo still; cat y.sh\n")
	c.put("other2", "echo evil\n")
	if out := c.run("sh y.sh", 0); len(out.Run.Replaced) > 0 || !strings.Contains(out.Text, "rm -f y.sh") {
		t.Errorf("%v: %q", out.Run.Replaced, out.Text)
	}
}

// TestStoppedRunIsRecordedAsStopped: a run that the end of its turn or of the
// gateway cut short is neither done nor failed, in the answer and in the record.
func TestStoppedRunIsRecordedAsStopped(t *testing.T) {
	c := sandboxed(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan gate.Outcome, 1)
	go func() {
		out, err := c.gate.Call(ctx, c.callFor("exec", map[string]any{"command": "echo up > ready; sleep 60"}, 0))
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	c.filled("ready")
	stop()
	out := <-done
	if out.Status != gate.Stopped || !out.IsError || !strings.Contains(out.Text, "stopped before it had finished") {
		t.Errorf("%s: %q", out.Status, out.Text)
	}
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	last := c.memory.entries[len(c.memory.entries)-1]
	b, err := json.Marshal(last.Data)
	if err != nil || !strings.Contains(string(b), `"status":"stopped"`) || !strings.Contains(string(b), `"killed":true`) {
		t.Errorf("the record says %s, %v", b, err)
	}
}
