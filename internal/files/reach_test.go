package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"pgregory.net/rapid"
)

const page = "a page from outside, long enough to be told from others"

// reopen closes the store and opens it again, as a restart does.
func (w *world) reopen(t testing.TB) {
	t.Helper()
	must(t, w.labels.Close())
	var err error
	w.labels, err = OpenLabels(filepath.Join(w.dir, "labels.jsonl"), time.Now)
	must(t, err)
	l := w.labels
	t.Cleanup(func() { _ = l.Close() })
	w.tree, err = New(Options{Roots: []RootSpec{{Path: w.ws, Access: ReadWrite, Workspace: true}}, Cwd: w.ws, Home: w.ws, Labels: w.labels})
	must(t, err)
}

// TestChangeKeepsWhatItRead: a file that is read and written back in a clean
// session keeps the labels that its old content had.
func TestChangeKeepsWhatItRead(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.ws, "f")
	must(t, w.tree.As(claw.Untrusted, "first").Write(permit(t), path, []byte(page), ""))
	clean := w.tree.As(claw.Private, "second")
	old, err := clean.Read(permit(t), path, 0)
	must(t, err)
	must(t, clean.Write(permit(t), path, append(old.Data, '!'), old.SHA256))
	must(t, clean.Write(permit(t), filepath.Join(w.ws, "copy"), old.Data, ""))
	w.reopen(t)
	for _, name := range []string{"f", "copy"} {
		got, err := w.tree.Read(permit(t), filepath.Join(w.ws, name), 0)
		if err != nil || !got.Labels.Has(claw.Untrusted) || got.Origin != Recorded {
			t.Errorf("%s: %v %v, %v", name, got.Labels, got.Origin, err)
		}
	}
	// What a person looks at is no reading of the agent's.
	other := w.tree.As(claw.Private, "third")
	if _, err := other.Peek(path, 0); err != nil {
		t.Fatal(err)
	}
	must(t, other.Write(permit(t), filepath.Join(w.ws, "own"), []byte("words of its own"), ""))
	if got, _ := w.tree.Read(permit(t), filepath.Join(w.ws, "own"), 0); got.Labels != claw.Private {
		t.Errorf("own words: %v", got.Labels)
	}
}

// TestOperatorChangeIsTold: a file that an agent wrote and the operator changed
// is the operator's once that is on record, is told once, and stays theirs.
func TestOperatorChangeIsTold(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.ws, "f")
	must(t, w.tree.As(claw.Untrusted, "s").Write(permit(t), path, []byte(page), ""))
	must(t, os.WriteFile(path, []byte("the operator's own words"), 0o644))
	var told []string
	fail := errors.New("disk full")
	w.labels.OnOperatorChange(func(s Subject) error {
		told = append(told, filepath.Base(s.Path)+" "+s.SHA256[:4])
		return fail
	})
	read := func(labels claw.Labels, origin Origin) {
		t.Helper()
		if got, err := w.tree.Read(permit(t), path, 0); err != nil || got.Labels != labels || got.Origin != origin {
			t.Errorf("%v %v, %v; expected %v %v", got.Labels, got.Origin, err, labels, origin)
		}
	}
	read(strict, Unknown) // no record, no change of hands
	fail = nil
	read(claw.Private, Operator)
	read(claw.Private, Operator)
	w.reopen(t)
	w.labels.OnOperatorChange(func(Subject) error { t.Error("told again"); return nil })
	read(claw.Private, Operator)
	if want := "f " + sum("the operator's own words")[:4]; !slices.Equal(told, []string{want, want}) {
		t.Errorf("told %q", told)
	}
	// A file that no agent ever wrote is the operator's without ado.
	mine := w.put(t, "mine", "x")
	if got, _ := w.tree.Read(permit(t), mine, 0); got.Origin != Operator {
		t.Errorf("%v", got.Origin)
	}
}

// TestLostRunEndsOnce: the time of a run that nobody accounted for ends with
// the restart that found it, not with every later one.
func TestLostRunEndsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "labels.jsonl")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return at }
	open := func() *Labels {
		l, err := OpenLabels(path, clock)
		must(t, err)
		return l
	}
	l := open()
	must(t, l.append(line{Run: "r", Root: "/w"}))
	must(t, l.Close())
	at = at.Add(time.Minute)
	must(t, open().Close())
	at = at.Add(time.Hour)
	l = open()
	defer l.Close()
	for changed, want := range map[time.Duration]Origin{30 * time.Second: Unknown, 2 * time.Minute: Operator, time.Hour: Operator} {
		_, got := l.Of(Subject{Path: "/w/f", SHA256: "aa", Workspace: true, Changed: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(changed)})
		if got != want {
			t.Errorf("changed after %v: %v, expected %v", changed, got, want)
		}
	}
	if l.Damaged() != 0 {
		t.Errorf("%d lines damaged", l.Damaged())
	}
}

func TestBrings(t *testing.T) {
	all := Reach{All: true}
	cases := map[string]struct {
		set   func(*testing.T, *world)
		reach func(*world) Reach
		want  claw.Labels
		from  string
	}{
		"an empty workspace":      {nil, func(*world) Reach { return all }, 0, ""},
		"the operator's files":    {func(t *testing.T, w *world) { w.put(t, "mine", "x") }, func(*world) Reach { return all }, claw.Private, ""},
		"nothing of them is read": {func(t *testing.T, w *world) { w.put(t, "mine", "x") }, func(*world) Reach { return Reach{} }, 0, ""},
		"an agent's clean file":   {func(t *testing.T, w *world) { w.agent(t, "f", claw.Private) }, func(*world) Reach { return all }, claw.Private, ""},
		"an untrusted file":       {func(t *testing.T, w *world) { w.agent(t, "d/f", claw.Untrusted) }, func(*world) Reach { return all }, claw.Untrusted, "file d/f,folder d"},
		"a secret one":            {func(t *testing.T, w *world) { w.agent(t, "f", claw.Secret) }, func(*world) Reach { return all }, claw.Secret, "file f"},
		"its folder is named":     {func(t *testing.T, w *world) { w.agent(t, "d/f", claw.Untrusted) }, func(w *world) Reach { return Reach{Paths: []string{w.ws + "/d"}} }, claw.Untrusted, "file d/f,folder d"},
		"another file is named": {func(t *testing.T, w *world) { w.agent(t, "f", claw.Untrusted); w.put(t, "mine", "x") },
			func(w *world) Reach { return Reach{Paths: []string{w.ws + "/mine"}} }, claw.Private, ""},
		"a name that begins alike": {func(t *testing.T, w *world) { w.agent(t, "file2", claw.Untrusted); w.put(t, "file", "x") },
			func(w *world) Reach { return Reach{Paths: []string{w.ws + "/file"}} }, claw.Private, ""},
		"copied by the operator": {func(t *testing.T, w *world) {
			w.agent(t, "f", claw.Untrusted)
			must(t, os.Rename(filepath.Join(w.ws, "f"), filepath.Join(w.ws, "g")))
		}, func(*world) Reach { return all }, claw.Untrusted | claw.Private, "file g"},
		"changed by the operator": {func(t *testing.T, w *world) { w.agent(t, "f", claw.Untrusted); w.put(t, "f", "my words") },
			func(*world) Reach { return all }, claw.Private, ""},
		"vouched for": {func(t *testing.T, w *world) { w.agent(t, "f", claw.Untrusted); w.vouch(t, w.ws+"/f") },
			func(*world) Reach { return all }, claw.Private, ""},
		"an older record without a size": {func(t *testing.T, w *world) {
			must(t, w.labels.Record(Record{Path: "/gone", SHA256: sum(page), Labels: claw.Untrusted, Agent: true}))
			w.put(t, "g", page)
		}, func(*world) Reach { return all }, claw.Untrusted | claw.Private, "file g"},
		"a damaged store": {func(t *testing.T, w *world) {
			w.put(t, "mine", "x")
			must(t, os.WriteFile(filepath.Join(w.dir, "labels.jsonl"), []byte("??\n"), 0o600))
			w.reopen(t)
		}, func(*world) Reach { return all }, strict, "the label store is damaged"},
		"a run that nobody accounted for": {func(t *testing.T, w *world) {
			_, err := w.tree.Begin(t.Context(), w.ws)
			must(t, err)
			w.put(t, "f", "whose?")
			w.reopen(t)
		}, func(*world) Reach { return all }, strict, "file f"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.set != nil {
				c.set(t, &w)
			}
			run, err := w.tree.As(claw.Private, "s").Begin(t.Context(), w.ws)
			must(t, err)
			got, err := run.Brings(t.Context(), c.reach(&w))
			if err != nil || got.Labels != c.want || strings.Join(got.From, ",") != c.from {
				t.Errorf("%v from %q, %v; expected %v from %q", got.Labels, got.From, err, c.want, c.from)
			}
		})
	}
}

// agent writes a file as an agent with labels does.
func (w *world) agent(t testing.TB, name string, labels claw.Labels) {
	t.Helper()
	must(t, w.tree.As(labels, "agent").Write(permit(t), filepath.Join(w.ws, name), []byte(page), ""))
}

func (w *world) vouch(t *testing.T, path string) {
	t.Helper()
	v, err := LookAt(t.Context(), path)
	must(t, err)
	must(t, w.labels.Vouch(v, "cli"))
}

// TestBringsWhileOthersWrite: what another run or another session writes while
// this one goes on can be read by it too.
func TestBringsWhileOthersWrite(t *testing.T) {
	w := newWorld(t)
	w.put(t, "mine", "x")
	mine, err := w.tree.As(claw.Private, "mine").Begin(t.Context(), w.ws)
	must(t, err)
	brings := func(want claw.Labels) {
		t.Helper()
		if got, err := mine.Brings(t.Context(), Reach{All: true}); err != nil || got.Labels != want {
			t.Errorf("%v from %q, %v; expected %v", got.Labels, got.From, err, want)
		}
	}
	w.put(t, "by me", "written by this run itself")
	brings(claw.Private)

	other, err := w.tree.As(claw.Private, "other").Begin(t.Context(), w.ws)
	must(t, err)
	carries := claw.Private
	other.Carries(func() claw.Labels { return carries })
	w.put(t, "by either", "written while both run")
	brings(claw.Private)
	carries |= claw.Untrusted
	brings(strict)
	if got, _ := w.tree.Read(permit(t), filepath.Join(w.ws, "by either"), 0); got.Labels != strict || got.Origin != Unknown {
		t.Errorf("read meanwhile: %v %v", got.Labels, got.Origin)
	}
	_, err = other.End(t.Context(), carries)
	must(t, err)
	brings(strict)
	changes, err := mine.End(t.Context(), claw.Private)
	if err != nil || len(changes) != 2 {
		t.Fatalf("%v, %v", changes, err)
	}
	if got, _ := w.tree.Read(permit(t), filepath.Join(w.ws, "by either"), 0); got.Labels != strict {
		t.Errorf("afterwards: %v", got.Labels)
	}
	if got, _ := w.tree.Read(permit(t), filepath.Join(w.ws, "by me"), 0); !got.Labels.Has(claw.Private) {
		t.Errorf("afterwards: %v", got.Labels)
	}
}

// TestNamesCarry: what a run puts into names, links or files that look
// unfinished comes back labelled like any other text.
func TestNamesCarry(t *testing.T) {
	for name, c := range map[string]struct {
		make func(ws string) error
		path string
	}{
		"a folder's name":            {func(ws string) error { return os.Mkdir(filepath.Join(ws, "orders in a name"), 0o755) }, ""},
		"where a link leads":         {func(ws string) error { return os.Symlink("orders in a link", filepath.Join(ws, "link")) }, "link"},
		"a name of unfinished files": {func(ws string) error { return os.WriteFile(filepath.Join(ws, ".openclaw-x.tmp"), []byte(page), 0o644) }, ".openclaw-x.tmp"},
		"an empty file's name":       {func(ws string) error { return os.WriteFile(filepath.Join(ws, "orders"), nil, 0o644) }, "orders"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, "mine", "x")
			run, err := w.tree.As(strict, "s").Begin(t.Context(), w.ws)
			must(t, err)
			must(t, c.make(w.ws))
			_, err = run.End(t.Context(), strict)
			must(t, err)
			w.reopen(t)
			next, err := w.tree.As(claw.Private, "next").Begin(t.Context(), w.ws)
			must(t, err)
			reach := Reach{All: true}
			if c.path != "" {
				reach = Reach{Paths: []string{filepath.Join(w.ws, c.path)}}
			}
			got, err := next.Brings(t.Context(), reach)
			if err != nil || got.Labels != strict {
				t.Errorf("%v from %q, %v", got.Labels, got.From, err)
			}
			if got, err := next.Brings(t.Context(), Reach{Paths: []string{filepath.Join(w.ws, "mine")}}); err != nil || got.Labels != claw.Private {
				t.Errorf("another file: %v, %v", got.Labels, err)
			}
		})
	}
}

// TestCacheCarries: a cache that outlives runs brings back what the runs that
// filled it carried.
func TestCacheCarries(t *testing.T) {
	w := newWorld(t)
	g := Ground{Workspace: w.ws, Cache: filepath.Join(w.dir, "cache")}
	run := func(labels claw.Labels, work func()) claw.Labels {
		t.Helper()
		watch, err := w.tree.As(labels, "s").BeginRun(t.Context(), g)
		must(t, err)
		work()
		got, err := watch.Brings(t.Context(), Reach{All: true})
		must(t, err)
		_, err = watch.End(t.Context(), labels)
		must(t, err)
		return got.Labels
	}
	fill := func(name string) func() {
		return func() {
			must(t, os.MkdirAll(g.Cache, 0o755))
			must(t, os.WriteFile(filepath.Join(g.Cache, name), []byte(name), 0o644))
		}
	}
	run(claw.Private|claw.Untrusted, func() {}) // writes nothing there
	run(claw.Private, fill("a"))
	if got := run(claw.Private, func() {}); got != claw.Private {
		t.Errorf("filled by a clean run: %v", got)
	}
	run(strict, fill("b"))
	w.reopen(t)
	if got := run(claw.Private, func() {}); got != strict {
		t.Errorf("filled from outside: %v", got)
	}
	must(t, os.RemoveAll(g.Cache))
	if got := run(claw.Private, func() {}); got != 0 {
		t.Errorf("emptied: %v", got)
	}
	// Files that were there before anything was recorded.
	g.Cache = filepath.Join(w.dir, "old")
	fill("c")()
	if got := run(claw.Private, fill("d")); got != strict {
		t.Errorf("unknown: %v", got)
	}
	if got := run(claw.Private, func() {}); got != strict {
		t.Errorf("a clean run made unknown files known: %v", got)
	}
}

// TestReadRoots: a folder elsewhere is from nobody knows where until a person
// vouches for it, and again when it changes.
func TestReadRoots(t *testing.T) {
	w := newWorld(t)
	root := filepath.Join(w.dir, "tools")
	must(t, os.MkdirAll(filepath.Join(root, "bin"), 0o755))
	tool := filepath.Join(root, "bin", "tool")
	must(t, os.WriteFile(tool, []byte("#!/bin/sh\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "note"), []byte("note"), 0o644))
	brings := func(r Reach, want claw.Labels) {
		t.Helper()
		watch, err := w.tree.As(claw.Private, "s").BeginRun(t.Context(), Ground{Workspace: w.ws, ReadRoots: []string{root}})
		must(t, err)
		got, err := watch.Brings(t.Context(), r)
		if err != nil || got.Labels != want {
			t.Errorf("%+v: %v from %q, %v; expected %v", r, got.Labels, got.From, err, want)
		}
	}
	brings(Reach{}, 0)
	brings(Reach{Paths: []string{w.ws}}, 0)
	brings(Reach{All: true}, strict)
	brings(Reach{Paths: []string{tool}}, strict)
	w.vouch(t, tool)
	brings(Reach{Paths: []string{tool}}, claw.Private)
	brings(Reach{Paths: []string{root}}, strict)
	brings(Reach{All: true}, strict)
	w.vouch(t, root)
	w.reopen(t)
	brings(Reach{All: true}, claw.Private)
	brings(Reach{Paths: []string{root}}, claw.Private)
	must(t, os.WriteFile(filepath.Join(root, "bin", "new"), nil, 0o755))
	brings(Reach{All: true}, strict)
	brings(Reach{Paths: []string{tool}}, claw.Private)
}

func TestLookAtRefuses(t *testing.T) {
	w := newWorld(t)
	must(t, os.Symlink(w.secret, filepath.Join(w.dir, "link")))
	v, err := LookAt(t.Context(), filepath.Join(w.dir, "link"))
	if err != nil || v.Path != w.secret || v.Files != 1 || v.SHA256 != sum("outside") {
		t.Errorf("a link stands for its target: %+v, %v", v, err)
	}
	for _, path := range []string{"relative", filepath.Join(w.dir, "absent"), "/dev/null", ""} {
		if _, err := LookAt(t.Context(), path); err == nil {
			t.Errorf("%q can be vouched for", path)
		}
	}
	if err := w.labels.Vouch(Vouched{}, "cli"); err == nil {
		t.Error("nothing was vouched for")
	}
}

// TestOutputCarriesInputs: whatever happens in a workspace, what a run brings
// has at least the labels of the files that it can read, and no record of an
// agent's takes one away.
func TestOutputCarriesInputs(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		ws := filepath.Join(dir, "ws")
		must(t, os.MkdirAll(ws, 0o755))
		l, err := OpenLabels(filepath.Join(dir, "l"), time.Now)
		must(t, err)
		defer l.Close()
		tree, err := New(Options{Roots: []RootSpec{{Path: ws, Access: ReadWrite, Workspace: true}}, Labels: l})
		must(t, err)
		names := []string{"a", "b", "c", "d"}
		model := map[string]claw.Labels{} // what each file must have at least
		for step := range rapid.IntRange(1, 12).Draw(r, "steps") {
			name := rapid.SampledFrom(names).Draw(r, "file")
			from := rapid.SampledFrom(names).Draw(r, "from")
			labels := claw.Labels(rapid.IntRange(0, 7).Draw(r, "labels"))
			path := filepath.Join(ws, name)
			switch rapid.IntRange(0, 3).Draw(r, "kind") {
			case 0: // an agent writes
				must(t, tree.As(labels, "s").Write(permit(t), path, fmt.Appendf(nil, "agent %d %v", step, labels), ""))
				model[name] = labels
			case 1: // an agent edits
				view := tree.As(labels, "s")
				old, err := view.Read(permit(t), path, 0)
				if err != nil {
					continue
				}
				must(t, view.Write(permit(t), path, append(old.Data, '.'), ""))
				model[name] |= labels
			case 2: // a run copies
				watch, err := tree.As(labels, "s").Begin(t.Context(), ws)
				must(t, err)
				brought, err := watch.Brings(t.Context(), Reach{Paths: []string{filepath.Join(ws, from)}})
				must(t, err)
				if !brought.Labels.Has(model[from]) {
					r.Fatalf("reading %s brings %v, it has %v", from, brought.Labels, model[from])
				}
				data, err := os.ReadFile(filepath.Join(ws, from))
				if err == nil && from != name {
					must(t, os.WriteFile(path, append(data, '+'), 0o644))
					model[name] = labels | model[from]
				}
				_, err = watch.End(t.Context(), labels|brought.Labels)
				must(t, err)
			case 3: // the operator copies
				data, err := os.ReadFile(filepath.Join(ws, from))
				if err == nil && from != name {
					must(t, os.WriteFile(path, data, 0o644))
					model[name] = model[from]
				}
			}
		}
		watch, err := tree.As(0, "s").Begin(t.Context(), ws)
		must(t, err)
		all, err := watch.Brings(t.Context(), Reach{All: true})
		must(t, err)
		for name, want := range model {
			got, err := tree.Read(permit(t), filepath.Join(ws, name), 0)
			must(t, err)
			if !got.Labels.Has(want) || !all.Labels.Has(want) {
				r.Fatalf("%s: %v, a run brings %v, expected at least %v", name, got.Labels, all.Labels, want)
			}
		}
	})
}

// TestShrinkSaysTheSame: a store that was written anew knows what it knew.
func TestShrinkSaysTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return at }
	l, err := OpenLabels(path, clock)
	must(t, err)
	must(t, l.append(line{Run: "lost", Root: "/w"}))
	must(t, l.Close())
	at = at.Add(time.Minute)
	l, err = OpenLabels(path, clock)
	must(t, err)
	at = at.Add(time.Minute)
	sums := make([]string, 40)
	var many []Record
	for i := range sums {
		sums[i] = sum(fmt.Sprint(i))
	}
	for round := range 2 * shrinkFrom / len(sums) {
		for i, s := range sums {
			r := Record{Path: fmt.Sprintf("/w/%d", i%20), SHA256: s, Size: int64(i), Labels: claw.Labels((i + round%2) % 8), Agent: true}
			if i%7 == 0 {
				r = Record{Path: r.Path, SHA256: s, Seen: true}
			}
			many = append(many, r)
		}
	}
	must(t, l.Record(many...))
	must(t, l.Record(Record{Path: "/w/1", SHA256: sums[1], Labels: claw.Private, Trusted: true}, Record{Path: "/t", Tree: "state"},
		Record{Path: "/w/op", SHA256: sum("op"), Labels: claw.Private, Operator: true}))
	type answer struct {
		labels       claw.Labels
		origin       Origin
		agent, seen  bool
		moved, large claw.Labels
	}
	ask := func(l *Labels) (out []answer) {
		for i, s := range append(sums, sum("op"), sum("never")) {
			p := fmt.Sprintf("/w/%d", i%20)
			if i == len(sums) {
				p = "/w/op"
			}
			var a answer
			a.labels, a.origin = l.Of(Subject{Path: p, SHA256: s, Workspace: true, Changed: at})
			a.agent, a.seen = l.Provenance(p, s)
			a.moved, _ = l.Of(Subject{Path: "/w/elsewhere", SHA256: s})
			a.large, _ = l.Of(Subject{Path: p, Workspace: true, Changed: at})
			out = append(out, a)
		}
		lost, origin := l.Of(Subject{Path: "/w/new", SHA256: sum("new"), Workspace: true, Changed: at.Add(-90 * time.Second)})
		return append(out, answer{labels: lost, origin: origin})
	}
	before := ask(l)
	must(t, l.Close())
	size := sizeOf(t, path)
	l, err = OpenLabels(path, clock)
	must(t, err)
	defer l.Close()
	if got := ask(l); !slices.Equal(got, before) {
		t.Errorf("before %+v\nafter  %+v", before, got)
	}
	if after := sizeOf(t, path); after > size/10 {
		t.Errorf("%d bytes became %d", size, after)
	}
	must(t, l.Record(Record{Path: "/w/x", SHA256: sum("x"), Labels: claw.Secret, Agent: true}))
	must(t, l.Close())
	again, err := OpenLabels(path, clock)
	must(t, err)
	defer again.Close()
	if got, _ := again.Of(Subject{Path: "/w/x", SHA256: sum("x")}); got != claw.Secret || again.Damaged() != 0 || again.trees["/t"] != "state" {
		t.Errorf("after the rewriting: %v, %d damaged", got, again.Damaged())
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	fi, err := os.Stat(path)
	must(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
	return fi.Size()
}

func BenchmarkBrings(b *testing.B) {
	w := newWorld(b)
	for i := range 1000 {
		w.put(b, fmt.Sprintf("%d/%d", i%20, i), "the operator's")
	}
	w.agent(b, "page", claw.Untrusted)
	run, err := w.tree.As(claw.Private, "s").Begin(b.Context(), w.ws)
	must(b, err)
	for b.Loop() {
		if _, err := run.Brings(b.Context(), Reach{All: true}); err != nil {
			b.Fatal(err)
		}
	}
}
