package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// caret stands before the value that a finding must point at.
const caret = "^^"

// strong is a credential that nothing is wrong with.
const strong = "9f2c71d05be84a6ab3d2e8f17c60594ad1b7e3f2"

// home is a fixture: a configuration, and changes to an ordinary snapshot.
type home struct {
	owner HomeOwner
	conf  string
	edits []func(*Input)
}

func ours(conf string, edits ...func(*Input)) home { return home{OurHome, conf, edits} }
func theirs(conf string, edits ...func(*Input)) home {
	return home{UpstreamHome, conf, edits}
}
func nowhere(edits ...func(*Input)) home { return home{NoHome, "", edits} }

// row is one check with a home that it must report, and one that it must not.
type row struct {
	id   string
	want claw.Severity
	bad  home
	good home
	// says is the finding's id where the check's has a "*".
	says string
	// unmeasured: the check finds nothing, it only says that nobody could look.
	unmeasured bool
}

// input makes what the audit judges, and where the caret stood.
func (h home) input(t testing.TB) (in Input, line, column int) {
	t.Helper()
	text := h.conf
	if i := strings.Index(text, caret); i >= 0 {
		line = 1 + strings.Count(text[:i], "\n")
		column = i - strings.LastIndex(text[:i], "\n")
		text = strings.Replace(text, caret, "", 1)
	}
	s := &in.Snapshot
	*s = Snapshot{
		Format: SnapshotFormat, TakenAt: time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC), By: "0.0.0",
		Home:   Home{Dir: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json", Owner: h.owner},
		System: System{OS: "linux", Arch: "amd64", UID: 1000, GID: 1000, RunUID: -1},
		Files: []File{
			{Path: "/home/u", Role: RoleUserDir, Type: Dir, Mode: 0o750, UID: 1000, GID: 1000, Links: 2},
			{Path: "/home", Role: RoleParent, Type: Dir, Mode: 0o755, Links: 2},
			{Path: "/", Role: RoleParent, Type: Dir, Mode: 0o755, Links: 2},
		},
	}
	in.Config = config.Default()
	if h.owner != NoHome {
		s.Files = append(s.Files,
			File{Path: s.Home.State, Role: RoleState, Type: Dir, Mode: 0o700, UID: 1000, GID: 1000, Links: 2},
			File{Path: s.Home.Config, Role: RoleConfig, Type: Regular, Mode: 0o600, UID: 1000, GID: 1000, Links: 1})
		if text == "" {
			text = "{}"
		}
		in.Config, in.Problems = config.ParseBytes("openclaw.json", []byte(text), func(string) (string, bool) { return "", false })
	}
	groups := map[string]int{}
	in.Config.Literals(func(r claw.ConfigRef, v string) {
		if groups[v] == 0 {
			groups[v] = len(groups) + 1
		}
		s.Secrets = append(s.Secrets, Secret{Pointer: r.Pointer, File: r.File, Line: r.Line, Column: r.Column, Source: "plain", Length: len(v), Bits: filter.Bits(v), Group: groups[v]})
	})
	for _, e := range h.edits {
		e(&in)
	}
	return in, line, column
}

// Edits.

func file(path string, role Role, mode uint32, edits ...func(*File)) func(*Input) {
	return func(in *Input) {
		f := File{Path: strings.Replace(path, "~", "/home/u", 1), Role: role, Type: Regular, Mode: mode, UID: 1000, GID: 1000, Links: 1}
		for _, e := range edits {
			e(&f)
		}
		in.Snapshot.Files = slices.DeleteFunc(in.Snapshot.Files, func(o File) bool { return o.Path == f.Path })
		in.Snapshot.Files = append(in.Snapshot.Files, f)
	}
}

func typed(k FileType) func(*File)      { return func(f *File) { f.Type = k } }
func leadsTo(target string) func(*File) { return func(f *File) { f.Type, f.Target = Symlink, target } }
func withHit(f *File)                   { f.Hits = []Hit{{Rule: "github-token", Line: 3}} }

func document(path, text string) func(*Input) {
	return func(in *Input) {
		if in.Snapshot.Documents == nil {
			in.Snapshot.Documents = map[string]json.RawMessage{}
		}
		p := strings.Replace(path, "~", "/home/u", 1)
		in.Snapshot.Documents[p] = json.RawMessage(text)
	}
}

func system(e func(*System)) func(*Input)     { return func(in *Input) { e(&in.Snapshot.System) } }
func snapshot(e func(*Snapshot)) func(*Input) { return func(in *Input) { e(&in.Snapshot) } }

func secretOf(x Secret) func(*Input) {
	return func(in *Input) {
		in.Snapshot.Secrets = slices.DeleteFunc(in.Snapshot.Secrets, func(o Secret) bool { return o.Pointer == x.Pointer })
		in.Snapshot.Secrets = append(in.Snapshot.Secrets, x)
	}
}

func resolved(pointer string) func(*Input) {
	return secretOf(Secret{Pointer: pointer, Source: "env", Length: len(strong), Bits: filter.Bits(strong), Group: 99})
}

func envVar(name string) func(*Input) {
	return snapshot(func(s *Snapshot) { s.Env = append(s.Env, EnvVar{Name: name, Of: "this"}) })
}

func live(l Live) func(*Input) { return snapshot(func(s *Snapshot) { s.Live = &l }) }

func service(x Service) func(*Input) {
	return snapshot(func(s *Snapshot) {
		s.Compose = append(s.Compose, Compose{Path: "/home/u/docker-compose.yml", Services: []Service{x}})
	})
}

// rows are all of them.
func rows() []row {
	return slices.Concat(gatewayRows(), authRows(), channelRows(), hookRows(), execRows(), exposureRows(), sandboxRows(),
		pluginRows(), skillRows(), modelRows(), secretRows(), permissionRows(), fileRows(), configRows(), loggingRows(), liveRows(), composeRows(), containerRows(), unitRows(), networkRows(), runningRows(), versionRows())
}

// TestEveryCheck: every check of the catalogue reports its bad home, with the
// severity and the place that the row says, and not its good one.
func TestEveryCheck(t *testing.T) {
	checks := map[string]Check{}
	for _, c := range Catalogue() {
		if _, twice := checks[c.ID]; twice {
			t.Errorf("%s stands twice in the catalogue", c.ID)
		}
		checks[c.ID] = c
	}
	worst := map[string]claw.Severity{}
	for i, r := range rows() {
		c, ok := checks[r.id]
		if !ok {
			t.Errorf("row %d: %s is no check", i, r.id)
			continue
		}
		worst[r.id] = max(worst[r.id], r.want)
		t.Run(fmt.Sprintf("%s/%d", r.id, i), func(t *testing.T) { r.judge(t, c) })
	}
	for _, c := range Catalogue() {
		switch w, ok := worst[c.ID]; {
		case !ok:
			t.Errorf("%s has no row: a check needs a home that it reports and one that it does not", c.ID)
		case w != c.Severity:
			t.Errorf("%s: the catalogue says up to %s, the rows reach %s", c.ID, c.Severity, w)
		}
	}
}

func (r row) judge(t *testing.T, c Check) {
	in, line, column := r.bad.input(t)
	out := NewSubject(in).run(c)
	if r.unmeasured {
		if out.Verdict != Unmeasured || out.Reason == "" {
			t.Errorf("%s %q, want unmeasured and why", out.Verdict, out.Reason)
		}
		r.passes(t, c)
		return
	}
	if len(out.Findings) == 0 {
		t.Fatalf("not reported: %s %s (problems %v)", out.Verdict, out.Reason, in.Problems)
	}
	if !c.Good && out.Verdict != Fail {
		t.Errorf("verdict %s", out.Verdict)
	}
	f := out.Findings[0]
	for _, x := range out.Findings {
		if x.Severity > f.Severity {
			f = x
		}
		if x.Title == "" || x.Detail == "" {
			t.Errorf("a finding without words: %+v", x)
		}
	}
	if f.Severity != r.want {
		t.Errorf("severity %s, want %s: %s", f.Severity, r.want, f.Title)
	}
	id := r.says
	if id == "" {
		id = r.id
	}
	if f.CheckID != id {
		t.Errorf("id %s, want %s", f.CheckID, id)
	}
	if strings.HasPrefix(f.Where.File, "openclaw.json") || line > 0 {
		if f.Where.Line != line || f.Where.Column != column {
			t.Errorf("at %d:%d %s, want %d:%d", f.Where.Line, f.Where.Column, f.Where.Pointer, line, column)
		}
		n, err := in.Config.Get(f.Where.Pointer)
		if err != nil || n == nil || n.Pos.Line != f.Where.Line {
			t.Errorf("pointer %q does not lead to line %d: %v", f.Where.Pointer, f.Where.Line, err)
		}
	}
	r.passes(t, c)
}

func (r row) passes(t *testing.T, c Check) {
	in, _, _ := r.good.input(t)
	out := NewSubject(in).run(c)
	if r.good.owner == "" && r.good.edits == nil {
		return // always reported
	}
	if len(out.Findings) > 0 {
		t.Errorf("the good home is reported: %s %+v", out.Findings[0].Title, out.Findings[0])
	}
	if out.Verdict != Pass && !(c.Good && out.Verdict == NotApplicable) {
		t.Errorf("the good home is %s: %s", out.Verdict, out.Reason)
	}
}

// permissionRows are made from the table of roles, and from the finer checks
// of the state directory and the configuration.
func permissionRows() []row {
	var out []row
	add := func(id string, role Role, want int, dir bool, bad, good uint32) {
		kind := Regular
		if dir {
			kind = Dir
		}
		path := map[Role]string{RoleState: "~/.openclaw", RoleConfig: "~/.openclaw/openclaw.json", RoleUserDir: "~"}[role]
		if path == "" {
			path = "~/.openclaw/x"
		}
		out = append(out, row{id: id, want: claw.Severity(want), bad: ours("{}", file(path, role, bad, typed(kind))), good: ours("{}", file(path, role, good, typed(kind)))})
	}
	for _, r := range fileRules() {
		if r.writable != notJudged {
			add(r.id+".perms_writable", r.role, r.writable, r.dir, r.mode|0o020, r.mode)
			add(r.id+".perms_writable", r.role, r.writable, r.dir, r.mode|0o002, r.mode)
		}
		if r.readable != notJudged {
			add(r.id+".perms_readable", r.role, r.readable, r.dir, r.mode|0o040, r.mode)
			add(r.id+".perms_readable", r.role, r.readable, r.dir, r.mode|0o004, r.mode)
		}
	}
	add("fs.state_dir.perms_world_writable", RoleState, critical, true, 0o702, 0o770)
	add("fs.state_dir.perms_group_writable", RoleState, warn, true, 0o770, 0o777)
	add("fs.state_dir.perms_readable", RoleState, warn, true, 0o750, 0o770)
	for _, x := range []struct {
		id   string
		role Role
	}{{"fs.config", RoleConfig}, {"fs.config_include", RoleInclude}} {
		add(x.id+".perms_writable", x.role, critical, false, 0o620, 0o644)
		add(x.id+".perms_world_readable", x.role, critical, false, 0o604, 0o606)
		add(x.id+".perms_group_readable", x.role, warn, false, 0o640, 0o644)
	}
	return out
}
