package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/remedy"
)

const authBlock = `gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },`

// surfaced is a served home with what its gateway answers.
type surfaced struct {
	gateway.Posture
	gateway.Auditor
}

func (h *home) surfaced() (*app.App, surfaced) {
	h.t.Helper()
	a := h.open()
	h.serve(a)
	s, err := a.Surface()
	if err != nil {
		h.t.Fatal(err)
	}
	return a, surfaced{s, s}
}

// need finds the row of a check.
func (s surfaced) need(t *testing.T, id string) gateway.Need {
	t.Helper()
	o, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range o.NeedsYou {
		if n.ID == id {
			return n
		}
	}
	t.Fatalf("%s is not listed: %+v", id, o.NeedsYou)
	return gateway.Need{}
}

func kindOf(err error) gateway.FaultKind {
	var f *gateway.Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return 255
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFixThroughTheGateway: what was shown is what is applied, it holds at
// once and without a false alarm, and it can be taken back.
func TestFixThroughTheGateway(t *testing.T) {
	const token = "123456789:AAFq7Lw2Xv9BZq7Lw2Xv9BZq7Lw2Xv9BKpQ"
	h := newHome(t)
	text := "{ " + authBlock + "\n  // mine\n  logging: { redactSensitive: \"off\" },\n  channels: { telegram: { botToken: \"" + token + "\", groupPolicy: \"open\" } },\n  tools: { exec: { security: \"full\" } },\n}\n"
	h.configure(text)
	a, s := h.surfaced()
	if n := s.need(t, "channels.telegram.groups.open"); n.Repair != gateway.RepairFix || n.Command != "" {
		t.Errorf("%+v", n)
	}
	n := s.need(t, "logging.redact_off")
	p, err := s.FixPlan(t.Context(), n.Finding)
	if err != nil || len(p.Diff) != 3 || p.Diff[1] != (gateway.DiffLine{Op: "-", Text: `logging.redactSensitive: "off"`}) || p.Diff[2] != (gateway.DiffLine{Op: "+", Text: `logging.redactSensitive: "tools"`}) {
		t.Fatalf("%+v, %v", p, err)
	}
	// Another file than the one that was shown.
	h.configure(strings.Replace(text, "// mine", "// mine and yours", 1))
	if _, err := s.FixApply(t.Context(), gateway.FixQuery{Finding: n.Finding, Digest: p.Digest}, owner); kindOf(err) != gateway.Conflict {
		t.Fatalf("applied to another file: %v", err)
	}
	if got := read(t, h.paths.Config); strings.Contains(got, `"tools"`) || strings.Contains(h.entries(journal.Security), `"fix"`) {
		t.Fatalf("something was done: %s", got)
	}
	h.configure(text)
	if p, err = s.FixPlan(t.Context(), n.Finding); err != nil {
		t.Fatal(err)
	}
	done, err := s.FixApply(t.Context(), gateway.FixQuery{Finding: n.Finding, Digest: p.Digest}, owner)
	if err != nil || !done.OK || len(done.Changes) != 1 || done.NotInForce != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if c, _ := a.InForce("main"); c.Logging.RedactSensitive.V != "tools" {
		t.Errorf("the gateway still holds %q", c.Logging.RedactSensitive.V)
	}
	if got := read(t, h.paths.Config); got != strings.Replace(text, `"off"`, `"tools"`, 1) {
		t.Errorf("the file: %s", got)
	}
	o, err := s.Overview(t.Context())
	if err != nil || time.Since(time.UnixMilli(o.CheckedAt)) > time.Minute {
		t.Fatal(o.CheckedAt, err)
	}
	for _, x := range o.NeedsYou {
		if x.ID == "logging.redact_off" || x.ID == "config.held" {
			t.Errorf("still listed: %+v", x)
		}
	}
	if seen := h.entries(journal.Security); strings.Index(seen, `"what":"fixed"`) > strings.Index(seen, `"what":"fix",`) || !strings.Contains(seen, "logging.redactSensitive") {
		t.Errorf("the journal, newest first: %s", seen)
	}
	rows, err := s.Fixes(t.Context())
	if err != nil || len(rows) != 1 || rows[0].Undone || len(rows[0].Diff) != 3 || rows[0].Diff[2].Text != `logging.redactSensitive: "off"` {
		t.Fatalf("%+v, %v", rows, err)
	}
	if _, err := s.FixUndo(t.Context(), gateway.UndoQuery{ID: rows[0].ID, Digest: p.Digest}, owner); kindOf(err) != gateway.Conflict {
		t.Errorf("taken back otherwise than shown: %v", err)
	}
	if done, err = s.FixUndo(t.Context(), gateway.UndoQuery{ID: rows[0].ID, Digest: rows[0].Digest}, owner); err != nil || !done.OK || done.NotInForce != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := read(t, h.paths.Config); got != text {
		t.Errorf("after the undo: %s", got)
	}
	if c, _ := a.InForce("main"); c.Logging.RedactSensitive.V != "off" {
		t.Errorf("the gateway holds %q", c.Logging.RedactSensitive.V)
	}
	if _, err := s.FixUndo(t.Context(), gateway.UndoQuery{ID: rows[0].ID, Digest: rows[0].Digest}, owner); kindOf(err) != gateway.NotFound {
		t.Errorf("taken back twice: %v", err)
	}
	if sum, err := s.Audit(t.Context(), func(string) {}, owner); err != nil || sum.Counts.Checks < 100 {
		t.Errorf("%+v, %v", sum, err)
	}
	s.need(t, "logging.redact_off") // is listed again
	if seen := h.entries(journal.ConfigChange); strings.Contains(seen, `"held"`) {
		t.Errorf("an alarm: %s", seen)
	}
	if seen := h.entries(journal.Security); strings.Contains(seen, token) || !strings.Contains(seen, `"checked again"`) {
		t.Errorf("the journal: %s", seen)
	}
}

// TestFixLeavesDecisions: what a fix must not touch is refused with its
// reason, whatever digest comes; what nobody measured is not fine.
func TestFixLeavesDecisions(t *testing.T) {
	h := newHome(t)
	h.configure("{ " + authBlock + ` tools: { profile: "full", exec: { security: "full", ask: "off" } }, discovery: { mdns: { mode: "full" } },
		hooks: { enabled: true, token: { source: "exec", provider: "x", id: "y" } }, secrets: { providers: { x: { source: "exec", command: "/bin/true" } } } }`)
	_, s := h.surfaced()
	o, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked, commands := 0, 0
	for _, n := range o.NeedsYou {
		if n.Kind != "finding" || !strings.HasPrefix(n.ID, "tools.") {
			continue
		}
		asked++
		if n.Command != "" {
			commands++
		}
		if n.Repair == gateway.RepairFix || n.Why == "" {
			t.Errorf("%+v", n)
		}
		p, err := s.FixPlan(t.Context(), n.Finding)
		if err != nil || len(p.Diff) != 0 || len(p.Left) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := s.FixApply(t.Context(), gateway.FixQuery{Finding: n.Finding, Digest: p.Digest}, owner); kindOf(err) != gateway.Refused {
			t.Errorf("%s: %v", n.ID, err)
		}
	}
	if asked == 0 || commands == 0 {
		t.Errorf("%d findings about tools, %d with a command: %+v", asked, commands, o.NeedsYou)
	}
	if _, err := s.FixPlan(t.Context(), "00"); kindOf(err) != gateway.NotFound {
		t.Error(err)
	}
	c, err := s.Checks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	levels := map[gateway.Level]int{}
	for _, r := range c.Rows {
		levels[r.Level]++
		if r.Level == gateway.Unmeasured && strings.TrimSpace(r.Text) == "" {
			t.Errorf("%s was not measured, and nobody says why", r.ID)
		}
	}
	n := o.Counts
	if levels[gateway.Fine] != n.Fine || levels[gateway.Unmeasured] != n.Unmeasured || levels[gateway.NotApply] != n.NotApply || n.Unmeasured == 0 || len(c.Rows) != n.Checks {
		t.Errorf("%v beside %+v", levels, n)
	}
}

// TestFixOfModes: rights go and come back, and no name in the home reaches the
// diff with a credential in it.
func TestFixOfModes(t *testing.T) {
	h := newHome(t)
	secret := "ghp_Zq7Lw2Xv9BZq7Lw2Xv9BZq7Lw2Xv9BKpQ7R"
	h.configure("{ " + authBlock + " logging: { file: { path: \"~/.openclaw/logs/" + secret + ".log\" } } }")
	log := filepath.Join(h.paths.Logs, secret+".log")
	if err := os.MkdirAll(h.paths.Logs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, s := h.surfaced()
	if err := os.Chmod(log, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Audit(t.Context(), func(string) {}, owner); err != nil {
		t.Fatal(err)
	}
	o, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found gateway.Need
	for _, n := range o.NeedsYou {
		if strings.Contains(n.ID, ".perms_") {
			found = n
		}
	}
	p, err := s.FixPlan(t.Context(), found.Finding)
	if err != nil || len(p.Diff) != 2 || !strings.HasPrefix(p.Diff[0].Text, "0666 ") || !strings.HasPrefix(p.Diff[1].Text, "0600 ") {
		t.Fatalf("%+v: %+v, %v", found, p, err)
	}
	if strings.Contains(p.Diff[0].Text+p.Diff[1].Text, secret) {
		t.Errorf("a credential in %+v", p.Diff)
	}
	if done, err := s.FixApply(t.Context(), gateway.FixQuery{Finding: found.Finding, Digest: p.Digest}, owner); err != nil || !done.OK {
		t.Fatalf("%+v, %v", done, err)
	}
	mode := func() os.FileMode {
		t.Helper()
		info, err := os.Stat(log)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode() != 0o600 {
		t.Errorf("%o", mode())
	}
	rows, err := s.Fixes(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if done, err := s.FixUndo(t.Context(), gateway.UndoQuery{ID: rows[0].ID, Digest: rows[0].Digest}, owner); err != nil || !done.OK || mode() != 0o666 {
		t.Errorf("%+v, %v, %o", done, err, mode())
	}
	if seen := h.entries(journal.Security); strings.Contains(seen, secret) || !strings.Contains(seen, `"what":"undone"`) {
		t.Errorf("the journal: %s", seen)
	}
}

// TestR07UndoAcceptsItsOwnOnly: taking a fix back is an operator's act and
// holds at once. What somebody else loosened in the same file waits as ever.
func TestR07UndoAcceptsItsOwnOnly(t *testing.T) {
	const conf = "{ " + authBlock + ` tools: { profile: "full", exec: { security: "full", ask: "%" } } }`
	opened := strings.Replace(conf, "%", "always", 1)
	narrow := audit.Change{Check: "tools.exec.security_full", Kind: audit.Set, Key: "tools.exec.security", From: `"full"`, To: `"deny"`}
	for name, theirs := range map[string]string{"alone": "", "beside another's edit": strings.Replace(conf, "%", "off", 1)} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.configure(opened)
			narrow.Path = h.paths.Config
			a, s := h.surfaced()
			security := func() policy.ExecSecurity {
				_, r := a.InForce("main")
				return r.Exec.Security
			}
			if _, err := remedy.Apply(h.paths, configfile.Options{}, []audit.Change{narrow}, time.Now()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Audit(t.Context(), func(string) {}, owner); err != nil || security() != policy.ExecDeny {
				t.Fatalf("%v: a tightening does not hold: %v", err, security())
			}
			if theirs != "" {
				h.configure(strings.Replace(theirs, `"full", ask`, `"deny", ask`, 1))
			}
			rows, err := s.Fixes(t.Context())
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			by := claw.Principal{Surface: claw.SurfaceWebchat, Standing: claw.Owner}
			done, err := s.FixUndo(t.Context(), gateway.UndoQuery{ID: rows[0].ID, Digest: rows[0].Digest}, by)
			if err != nil || !done.OK {
				t.Fatalf("%+v, %v", done, err)
			}
			held := strings.Contains(h.entries(journal.ConfigChange), `"held"`)
			if theirs == "" && (security() != policy.ExecFull || held || done.NotInForce != "") {
				t.Errorf("%v, held %v, %+v", security(), held, done)
			}
			if theirs != "" && (security() != policy.ExecDeny || !held || done.NotInForce == "") {
				t.Errorf("another's edit was accepted with it: %v, held %v, %+v", security(), held, done)
			}
		})
	}
}
