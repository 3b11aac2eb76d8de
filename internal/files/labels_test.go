package files

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"pgregory.net/rapid"
)

func TestLabelsOfWhatStandsThere(t *testing.T) {
	w := newWorld(t)
	other := filepath.Join(w.dir, "other")
	must(t, os.Mkdir(other, 0o755))
	must(t, os.WriteFile(filepath.Join(other, "f"), []byte("whose?"), 0o644))
	tree, err := New(Options{Roots: []RootSpec{{Path: w.ws, Access: ReadWrite, Workspace: true}, {Path: other, Access: ReadOnly}}, Labels: w.labels})
	must(t, err)
	agent := w.put(t, "agent", "")
	must(t, tree.As(claw.Untrusted, "s1").Write(permit(t), agent, []byte("from a web page, long enough"), ""))
	must(t, os.WriteFile(filepath.Join(w.ws, "copied"), []byte("from a web page, long enough"), 0o644))
	changed := w.put(t, "changed", "")
	must(t, tree.As(claw.Untrusted, "s1").Write(permit(t), changed, []byte("agent"), ""))
	must(t, os.WriteFile(changed, []byte("the operator's own words"), 0o644))
	empty := w.put(t, "empty", "x")
	must(t, tree.As(claw.Untrusted, "s1").Write(permit(t), empty, nil, ""))
	w.put(t, "mine", "operator")
	w.put(t, "mine-empty", "")

	strict := claw.Untrusted | claw.Private
	for _, c := range []struct {
		path   string
		want   claw.Labels
		origin Origin
	}{
		{agent, claw.Untrusted, Recorded},
		{filepath.Join(w.ws, "copied"), strict, Recorded},
		{changed, claw.Private, Operator},
		{empty, claw.Untrusted, Recorded},
		{filepath.Join(w.ws, "mine"), claw.Private, Operator},
		{filepath.Join(w.ws, "mine-empty"), claw.Private, Operator},
		{filepath.Join(other, "f"), strict, Unknown},
	} {
		got, err := tree.Read(permit(t), c.path, 0)
		if err != nil || got.Labels != c.want || got.Origin != c.origin {
			t.Errorf("%s: %v %v, %v; expected %v %v", filepath.Base(c.path), got.Labels, got.Origin, err, c.want, c.origin)
		}
	}
	vouched, err := LookAt(t.Context(), filepath.Join(other, "f"))
	must(t, err)
	must(t, w.labels.Vouch(vouched, "cli"))
	got, err := tree.Read(permit(t), filepath.Join(other, "f"), 0)
	if err != nil || got.Labels != claw.Private || got.Origin != Recorded {
		t.Errorf("vouched for: %v %v, %v", got.Labels, got.Origin, err)
	}
	must(t, os.WriteFile(filepath.Join(other, "f"), []byte("changed since"), 0o644))
	if got, _ = tree.Read(permit(t), filepath.Join(other, "f"), 0); got.Labels != strict {
		t.Errorf("vouched for, then changed: %v", got.Labels)
	}
}

func TestNoStoreKnowsNothing(t *testing.T) {
	w := newWorld(t)
	tree, err := New(Options{Roots: []RootSpec{{Path: w.ws, Access: ReadOnly, Workspace: true}}})
	must(t, err)
	got, err := tree.Read(permit(t), w.put(t, "f", "x"), 0)
	if err != nil || got.Labels != claw.Untrusted|claw.Private || got.Origin != Unknown {
		t.Errorf("%v %v, %v", got.Labels, got.Origin, err)
	}
	if c, ok := tree.Launch(filepath.Join(w.ws, "f")); !ok || !c.ByAgent || c.Seen {
		t.Errorf("launch: %+v", c)
	}
}

func TestStoreSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	path := w.put(t, "f", "")
	must(t, w.tree.As(claw.Untrusted, "s").Write(permit(t), path, []byte("text"), ""))
	must(t, w.labels.See(path, sum("text"), "cli"))
	must(t, w.labels.Close())
	again, err := OpenLabels(filepath.Join(w.dir, "labels.jsonl"), time.Now)
	must(t, err)
	defer again.Close()
	labels, origin := again.Of(Subject{Path: path, SHA256: sum("text"), Workspace: true})
	if labels != claw.Untrusted || origin != Recorded || again.Damaged() != 0 {
		t.Errorf("%v %v, %d damaged", labels, origin, again.Damaged())
	}
	if byAgent, seen := again.Provenance(path, sum("text")); !byAgent || !seen {
		t.Errorf("provenance: %v %v", byAgent, seen)
	}
	fi, err := os.Stat(filepath.Join(w.dir, "labels.jsonl"))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

func TestDamagedStoreIsStrict(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "labels.jsonl")
	for _, c := range []struct {
		text    string
		damaged int
	}{
		{"", 0}, {"not json\n", 1}, {"{}\n", 1}, {`{"time":"2026-01-01T00:00:00Z","path":"/w/f","labels":["priv`, 1},
		{`{"time":"2026-01-01T00:00:00Z","path":"/w/f","sha256":"00","labels":["new-label"],"agent":true}` + "\n", 0},
	} {
		must(t, os.WriteFile(path, []byte(c.text), 0o600))
		l, err := OpenLabels(path, time.Now)
		must(t, err)
		labels, _ := l.Of(Subject{Path: "/w/x", SHA256: "11", Workspace: true, Changed: time.Now()})
		want := claw.Private
		if c.damaged > 0 {
			want |= claw.Untrusted
		}
		if l.Damaged() != c.damaged || labels != want {
			t.Errorf("%q: %d damaged, %v", c.text, l.Damaged(), labels)
		}
		must(t, l.Record(Record{Path: "/w/y", SHA256: "22", Labels: claw.Private, Agent: true}))
		must(t, l.Close())
		again, err := OpenLabels(path, time.Now)
		must(t, err)
		if got, origin := again.Of(Subject{Path: "/w/y", SHA256: "22"}); got != claw.Private || origin != Recorded {
			t.Errorf("%q: a record after the damage is lost: %v %v", c.text, got, origin)
		}
		must(t, again.Close())
	}
	must(t, os.Remove(path))
	must(t, os.Symlink(filepath.Join(dir, "elsewhere"), path))
	if _, err := OpenLabels(path, time.Now); err == nil {
		t.Error("a link was followed")
	}
}

func TestWatch(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.put(t, "same", "1")
	mod := w.put(t, "sub/mod", "12345")
	w.put(t, "gone", "1")
	was, err := os.Stat(mod)
	must(t, err)
	run, err := w.tree.As(claw.Private, "s").Begin(ctx, w.ws)
	must(t, err)
	must(t, os.WriteFile(mod, []byte("54321"), 0o644))
	must(t, os.Chtimes(mod, was.ModTime(), was.ModTime())) // hides nothing: ctime moved
	must(t, os.Remove(filepath.Join(w.ws, "gone")))
	made := w.put(t, "made", "new")
	must(t, os.Symlink("made", filepath.Join(w.ws, "link")))

	// While the run lasts, what it wrote is not taken for the operator's.
	if got, _ := w.tree.Read(permit(t), made, 0); got.Origin != Unknown {
		t.Errorf("during the run: %v %v", got.Labels, got.Origin)
	}
	changes, err := run.End(ctx, claw.Untrusted)
	must(t, err)
	var names []string
	for _, c := range changes {
		names = append(names, c.Kind.String()+" "+filepath.Base(c.Path))
	}
	if !slices.Equal(names, []string{"removed gone", "made link", "made made", "modified mod"}) {
		t.Errorf("%v", names)
	}
	for _, path := range []string{mod, made} {
		got, err := w.tree.Read(permit(t), path, 0)
		if err != nil || got.Labels != claw.Untrusted|claw.Private || got.Origin != Recorded {
			t.Errorf("%s: %v %v, %v", path, got.Labels, got.Origin, err)
		}
	}
	if got, _ := w.tree.Read(permit(t), filepath.Join(w.ws, "same"), 0); got.Origin != Operator {
		t.Errorf("untouched: %v", got.Origin)
	}
}

// TestCrashDuringRun: the process dies between Begin and End; what changed
// meanwhile is nobody's, what changes afterwards is the operator's again.
func TestCrashDuringRun(t *testing.T) {
	w := newWorld(t)
	before := w.put(t, "before", "x")
	at := time.Now()
	clock := func() time.Time { return at }
	must(t, w.labels.Close())
	path := filepath.Join(w.dir, "labels.jsonl")
	labels, err := OpenLabels(path, clock)
	must(t, err)
	tree, err := New(Options{Roots: []RootSpec{{Path: w.ws, Access: ReadWrite, Workspace: true}}, Labels: labels})
	must(t, err)
	at = ctimeOf(t, before).Add(time.Second) // the clock only moves when told
	_, err = tree.Begin(context.Background(), w.ws)
	must(t, err)
	must(t, labels.Close())

	begin := at
	at = begin.Add(time.Minute)
	again, err := OpenLabels(path, clock)
	must(t, err)
	defer again.Close()
	for _, c := range []struct {
		changed time.Time
		want    Origin
	}{
		{ctimeOf(t, before), Operator}, {begin.Add(-clockSlack), Unknown}, {begin.Add(time.Second), Unknown},
		{at, Unknown}, {at.Add(time.Second), Operator},
	} {
		if _, got := again.Of(Subject{Path: before, SHA256: "aa", Workspace: true, Changed: c.changed}); got != c.want {
			t.Errorf("changed %v after the begin: %v, expected %v", c.changed.Sub(begin), got, c.want)
		}
	}
	if _, got := again.Of(Subject{Path: "/elsewhere/f", SHA256: "aa", Workspace: true, Changed: begin.Add(time.Second)}); got != Operator {
		t.Errorf("another root: %v", got)
	}
}

func ctimeOf(t *testing.T, path string) time.Time {
	t.Helper()
	fi, err := os.Lstat(path)
	must(t, err)
	st, err := statInfo(fi)
	must(t, err)
	return st.ctime
}

// TestLabelsOnlyGrow: no sequence of an agent's records takes a label away.
func TestLabelsOnlyGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	rapid.Check(t, func(r *rapid.T) {
		_ = os.Remove(path)
		l, err := OpenLabels(path, time.Now)
		must(t, err)
		defer l.Close()
		var union claw.Labels
		for range rapid.IntRange(1, 8).Draw(r, "n") {
			labels := claw.Labels(rapid.IntRange(0, 7).Draw(r, "labels"))
			union |= labels
			must(t, l.Record(Record{Path: "/w/f", SHA256: "aa", Labels: labels, Agent: true}))
		}
		if got, _ := l.Of(Subject{Path: "/w/f", SHA256: "aa"}); got != union {
			r.Fatalf("%v, expected %v", got, union)
		}
		if got, _ := l.Of(Subject{Path: "/w/moved", SHA256: "aa"}); !got.Has(union) {
			r.Fatalf("moved: %v lacks %v", got, union)
		}
	})
}

func FuzzLabelStore(f *testing.F) {
	f.Add([]byte(`{"path":"/w/f","sha256":"aa","labels":["untrusted"],"agent":true}` + "\n"))
	f.Add([]byte(`{"run":"x","root":"/w"}` + "\n" + `{"end":"x"}`))
	f.Add([]byte("\n\n{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "l")
		must(t, os.WriteFile(path, b, 0o600))
		l, err := OpenLabels(path, time.Now)
		if err != nil {
			return
		}
		defer l.Close()
		if _, origin := l.Of(Subject{Path: "/w/other", SHA256: "ff", Workspace: true, Changed: time.Now()}); origin == Operator && l.Damaged() > 0 {
			t.Fatal("a damaged store vouches for a file")
		}
		must(t, l.Record(Record{Path: "/w/g", SHA256: "bb", Labels: claw.Secret, Agent: true}))
	})
}

func TestDiff(t *testing.T) {
	got := Diff("f", []byte("a\nb\nc\nd\ne\nf\ng\nh\n"), []byte("a\nb\nc\nd\nE\nf\ng\nh"))
	want := "--- f\n+++ f\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n-h\n+h\n\\ No newline at end of file\n"
	if got != want {
		t.Errorf("%q", got)
	}
	if Diff("f", []byte("x"), []byte("x")) != "" {
		t.Error("no change is a change")
	}
	if got := Diff("f", []byte("a\x00"), []byte("b")); !strings.Contains(got, "2 bytes before") {
		t.Errorf("%q", got)
	}
}

// TestDiffApplies: the script turns one text into the other, and the hunks
// count right.
func TestDiffApplies(t *testing.T) {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n"}), 0, 30)
	rapid.Check(t, func(r *rapid.T) {
		a, b := lines.Draw(r, "a"), lines.Draw(r, "b")
		var from, to []string
		for _, e := range script(a, b) {
			if e.op != '+' {
				from = append(from, e.line)
			}
			if e.op != '-' {
				to = append(to, e.line)
			}
		}
		if !slices.Equal(from, a) || !slices.Equal(to, b) {
			r.Fatalf("%q → %q", from, to)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		sub := filepath.Join(dir, string(rune('a'+i%20)))
		must(b, os.MkdirAll(sub, 0o755))
		must(b, os.WriteFile(filepath.Join(sub, strings.Repeat("f", i%50+1)+string(rune('a'+i/50))), nil, 0o644))
	}
	for b.Loop() {
		if _, err := Take(context.Background(), dir); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	w := newWorld(b)
	path := w.put(b, "a/b/c/f", string(bytes.Repeat([]byte("x"), 4096)))
	p := permit(b)
	for b.Loop() {
		if _, err := w.tree.Read(p, path, 0); err != nil {
			b.Fatal(err)
		}
	}
}
