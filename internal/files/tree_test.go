package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"pgregory.net/rapid"
)

// permit makes a permit as the gate does: from a decision about a request.
func permit(t testing.TB) policy.Permit {
	t.Helper()
	q := policy.Request{Agent: "workbench", Tool: "write", Nonce: "n"}
	p, err := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q)}.Permit(q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a workspace with something secret beside it.
type world struct {
	dir, ws, secret string
	tree            *Tree
	labels          *Labels
}

func newWorld(t testing.TB) world {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := world{dir: dir, ws: filepath.Join(dir, "ws"), secret: filepath.Join(dir, "secret.txt")}
	must(t, os.Mkdir(w.ws, 0o755))
	must(t, os.WriteFile(w.secret, []byte("outside"), 0o600))
	w.labels, err = OpenLabels(filepath.Join(dir, "labels.jsonl"), time.Now)
	must(t, err)
	t.Cleanup(func() { _ = w.labels.Close() })
	w.tree, err = New(Options{Roots: []RootSpec{{Path: w.ws, Access: ReadWrite, Workspace: true}}, Cwd: w.ws, Home: w.ws, Labels: w.labels})
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w world) put(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(w.ws, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

func TestWithoutPermitNothingHappens(t *testing.T) {
	w := newWorld(t)
	path := w.put(t, "a.txt", "a")
	_, err := w.tree.Read(policy.Permit{}, path, 0)
	if !errors.Is(err, ErrNotPermitted) {
		t.Errorf("read: %v", err)
	}
	if err := w.tree.Write(policy.Permit{}, path, []byte("b"), ""); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("write: %v", err)
	}
	if err := w.tree.Remove(policy.Permit{}, path); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("remove: %v", err)
	}
	if _, err := w.tree.List(policy.Permit{}, w.ws); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("list: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "a" {
		t.Errorf("the file is now %q, %v", b, err)
	}
}

func TestReadRefuses(t *testing.T) {
	w := newWorld(t)
	p := permit(t)
	ok := w.put(t, "ok.txt", "fine")
	must(t, os.Symlink(w.secret, filepath.Join(w.ws, "link")))
	must(t, os.Symlink(w.dir, filepath.Join(w.ws, "up")))
	must(t, os.Symlink("ok.txt", filepath.Join(w.ws, "inner")))
	must(t, os.Link(w.secret, filepath.Join(w.ws, "hard")))
	must(t, os.Mkdir(filepath.Join(w.ws, "dir"), 0o755))
	for _, c := range []struct {
		path string
		want error
	}{
		{w.secret, ErrOutside},
		{filepath.Join(w.ws, "link"), ErrOutside},
		{filepath.Join(w.ws, "inner"), ErrOutside}, // never resolved by whoever asks
		{filepath.Join(w.ws, "up", "secret.txt"), ErrOutside},
		{w.ws + "/../secret.txt", ErrOutside},
		{"ok.txt", ErrOutside},
		{w.ws + "/ok.txt\x00", ErrOutside},
		{filepath.Join(w.ws, "hard"), ErrHardLink},
		{filepath.Join(w.ws, "dir"), ErrNotRegular},
		{w.ws, ErrNotRegular},
		{filepath.Join(w.ws, "none"), os.ErrNotExist},
		{filepath.Join(w.ws, "ok.txt", "x"), nil},
	} {
		got, err := w.tree.Read(p, c.path, 0)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v; expected %v", c.path, got.Data, err, c.want)
		}
		if _, err := w.tree.Peek(c.path, 0); err == nil {
			t.Errorf("%s: peek went through", c.path)
		}
	}
	got, err := w.tree.Read(p, ok, 0)
	if err != nil || string(got.Data) != "fine" || got.SHA256 != sum("fine") || got.Size != 4 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadCutsButHashesTheWhole(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("x", 5000)
	got, err := w.tree.Read(permit(t), w.put(t, "big", text), 100)
	if err != nil || len(got.Data) != 100 || got.Size != 5000 || got.SHA256 != sum(text) {
		t.Errorf("%d bytes of %d, %v", len(got.Data), got.Size, err)
	}
	if _, err := w.tree.Peek(filepath.Join(w.ws, "big"), 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("peek: %v", err)
	}
}

func TestHardLinkInsideIsReadOnly(t *testing.T) {
	w := newWorld(t)
	a := w.put(t, "a", "text")
	b := filepath.Join(w.ws, "b")
	must(t, os.Link(a, b))
	got, err := w.tree.Read(permit(t), b, 0)
	if err != nil || !got.Linked {
		t.Errorf("read: %+v, %v", got, err)
	}
	if err := w.tree.Write(permit(t), b, []byte("new"), ""); !errors.Is(err, ErrHardLink) {
		t.Errorf("write: %v", err)
	}
	if got, _ := os.ReadFile(a); string(got) != "text" {
		t.Errorf("the other name now holds %q", got)
	}
}

func TestWrite(t *testing.T) {
	w := newWorld(t)
	p := permit(t)
	t.Run("makes directories", func(t *testing.T) {
		path := filepath.Join(w.ws, "x", "y", "z.txt")
		must(t, w.tree.Write(p, path, []byte("1"), ""))
		if b, err := os.ReadFile(path); err != nil || string(b) != "1" {
			t.Errorf("%q, %v", b, err)
		}
	})
	t.Run("keeps the mode without set-id bits", func(t *testing.T) {
		path := w.put(t, "run.sh", "old")
		must(t, os.Chmod(path, 0o751|os.ModeSetuid))
		must(t, w.tree.Write(p, path, []byte("new"), ""))
		fi, err := os.Stat(path)
		if err != nil || fi.Mode() != 0o751 {
			t.Errorf("%v, %v", fi.Mode(), err)
		}
	})
	t.Run("expects a hash", func(t *testing.T) {
		path := w.put(t, "e.txt", "old")
		if err := w.tree.Write(p, path, []byte("new"), sum("other")); !errors.Is(err, ErrChanged) {
			t.Errorf("wrong hash: %v", err)
		}
		must(t, w.tree.Write(p, path, []byte("new"), sum("old")))
		if err := w.tree.Write(p, filepath.Join(w.ws, "gone"), []byte("new"), sum("old")); !errors.Is(err, ErrChanged) {
			t.Errorf("absent file: %v", err)
		}
	})
	t.Run("leaves no temporary file", func(t *testing.T) {
		names, err := w.tree.List(p, w.ws)
		must(t, err)
		raw, err := os.ReadDir(w.ws)
		must(t, err)
		if len(names) != len(raw) {
			t.Errorf("listed %v, there are %v", names, raw)
		}
	})
	t.Run("refuses", func(t *testing.T) {
		must(t, os.Symlink(w.secret, filepath.Join(w.ws, "out")))
		must(t, os.Symlink(filepath.Join(w.dir, "new"), filepath.Join(w.ws, "dangling")))
		must(t, os.Symlink(w.dir, filepath.Join(w.ws, "updir")))
		must(t, os.Link(w.secret, filepath.Join(w.ws, "hard")))
		must(t, os.Mkdir(filepath.Join(w.ws, "d"), 0o755))
		for _, path := range []string{
			w.secret, filepath.Join(w.ws, "out"), filepath.Join(w.ws, "dangling"), filepath.Join(w.ws, "updir", "new"),
			filepath.Join(w.ws, "updir", "secret.txt"), filepath.Join(w.ws, "hard"), filepath.Join(w.ws, "d"), w.ws,
			filepath.Join(w.ws, ".openclaw-x.tmp"), filepath.Join(w.dir, "ws2", "f"),
		} {
			if err := w.tree.Write(p, path, []byte("evil"), ""); err == nil {
				t.Errorf("%s was written", path)
			}
		}
		if b, _ := os.ReadFile(w.secret); string(b) != "outside" {
			t.Errorf("the file outside now holds %q", b)
		}
		if _, err := os.Lstat(filepath.Join(w.dir, "new")); err == nil {
			t.Error("a file was made outside")
		}
	})
}

func TestRootsDeepestHolds(t *testing.T) {
	w := newWorld(t)
	p := permit(t)
	for _, d := range []string{"ro", "closed", "ro/rw"} {
		must(t, os.MkdirAll(filepath.Join(w.ws, d), 0o755))
		must(t, os.WriteFile(filepath.Join(w.ws, d, "f"), []byte(d), 0o644))
	}
	tree, err := New(Options{Roots: []RootSpec{
		{Path: w.ws, Access: ReadWrite}, {Path: filepath.Join(w.ws, "ro"), Access: ReadOnly},
		{Path: filepath.Join(w.ws, "closed")}, {Path: filepath.Join(w.ws, "ro", "rw"), Access: ReadWrite},
	}})
	must(t, err)
	for _, c := range []struct {
		dir         string
		read, write error
	}{
		{"ro", nil, ErrReadOnly}, {"closed", ErrOutside, ErrOutside}, {"ro/rw", nil, nil},
	} {
		path := filepath.Join(w.ws, c.dir, "f")
		if _, err := tree.Read(p, path, 0); !errors.Is(err, c.read) {
			t.Errorf("read %s: %v", c.dir, err)
		}
		if err := tree.Write(p, path, []byte("x"), ""); !errors.Is(err, c.write) {
			t.Errorf("write %s: %v", c.dir, err)
		}
		if err := tree.Remove(p, path); !errors.Is(err, c.write) {
			t.Errorf("remove %s: %v", c.dir, err)
		}
	}
}

func TestNewRefusesRoots(t *testing.T) {
	w := newWorld(t)
	must(t, os.Symlink(w.ws, filepath.Join(w.dir, "alias")))
	for _, root := range []string{"ws", w.ws + "/", w.ws + "/../ws", filepath.Join(w.dir, "alias"), w.secret, filepath.Join(w.dir, "none")} {
		if _, err := New(Options{Roots: []RootSpec{{Path: root, Access: ReadOnly}}}); err == nil {
			t.Errorf("root %q was taken", root)
		}
	}
	tree, err := New(Options{})
	must(t, err)
	if _, err := tree.Read(permit(t), w.put(t, "f", "x"), 0); !errors.Is(err, ErrOutside) {
		t.Errorf("without roots: %v", err)
	}
}

// TestRaceSymlinkSwap swaps a file for a link to the outside, and a directory
// for one, while they are read and written. Whatever the outcome, nothing from
// outside is read and nothing outside is changed.
func TestRaceSymlinkSwap(t *testing.T) {
	w := newWorld(t)
	p := permit(t)
	outDir := filepath.Join(w.dir, "out")
	must(t, os.Mkdir(outDir, 0o755))
	must(t, os.WriteFile(filepath.Join(outDir, "f"), []byte("outside"), 0o644))
	dir, file := filepath.Join(w.ws, "d"), filepath.Join(w.ws, "g")
	must(t, os.Mkdir(dir, 0o755))
	inDir := filepath.Join(dir, "f")
	must(t, os.WriteFile(inDir, []byte("inside"), 0o644))
	must(t, os.WriteFile(file, []byte("inside"), 0o644))

	stop := make(chan struct{})
	var swaps sync.WaitGroup
	swap := func(path, target string) {
		defer swaps.Done()
		keep, link := path+".keep", path+".link"
		for {
			select {
			case <-stop:
				return
			default:
			}
			if os.Rename(path, keep) != nil {
				continue
			}
			_ = os.Symlink(target, link)
			_ = os.Rename(link, path)
			_ = os.Remove(path)
			_ = os.Rename(keep, path)
		}
	}
	swaps.Add(2)
	go swap(dir, outDir)
	go swap(file, w.secret)
	good := 0
	for range 1500 {
		for _, path := range []string{inDir, file} {
			got, err := w.tree.Read(p, path, 0)
			if err == nil && strings.Contains(string(got.Data), "outside") {
				t.Fatalf("%s: read from outside", path)
			}
			if err == nil {
				good++
			}
		}
	}
	for range 150 {
		_ = w.tree.Write(p, inDir, []byte("inside"), "")
		_ = w.tree.Write(p, file, []byte("inside"), "")
	}
	close(stop)
	swaps.Wait()
	if good == 0 {
		t.Error("no read ever succeeded: the race was not a race")
	}
	for _, path := range []string{w.secret, filepath.Join(outDir, "f")} {
		if b, err := os.ReadFile(path); err != nil || string(b) != "outside" {
			t.Errorf("%s now holds %q, %v", path, b, err)
		}
	}
	if list, _ := os.ReadDir(outDir); len(list) != 1 {
		t.Errorf("outside there are %v", list)
	}
}

// TestRaceExpectedWrite: of two writers who both saw the same content, at most
// one wins, and the other is told.
func TestRaceExpectedWrite(t *testing.T) {
	w := newWorld(t)
	p := permit(t)
	path := w.put(t, "counter", "0")
	var lost, won int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := range 25 {
				c, err := w.tree.Read(p, path, 0)
				if err != nil {
					continue
				}
				err = w.tree.Write(p, path, append(c.Data, fmt.Sprintf(" %d.%d", i, j)...), c.SHA256)
				mu.Lock()
				if err == nil {
					won++
				} else if errors.Is(err, ErrChanged) || errors.Is(err, os.ErrNotExist) {
					lost++
				} else {
					t.Errorf("%v", err)
				}
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	b, err := os.ReadFile(path)
	must(t, err)
	if won == 0 {
		t.Error("nobody wrote")
	}
	t.Logf("%d won, %d lost, %d entries", won, lost, len(bytes.Fields(b))-1)
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	p := permit(t)
	must(t, os.Symlink(w.secret, filepath.Join(w.ws, "link")))
	must(t, os.Mkdir(filepath.Join(w.ws, "dir"), 0o755))
	for _, path := range []string{w.secret, filepath.Join(w.ws, "link"), filepath.Join(w.ws, "dir"), w.ws} {
		if err := w.tree.Remove(p, path); err == nil {
			t.Errorf("%s was removed", path)
		}
	}
	path := w.put(t, "f", "x")
	must(t, w.tree.Remove(p, path))
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	w.put(t, "b/x", "")
	w.put(t, "a", "")
	must(t, os.Symlink("a", filepath.Join(w.ws, "c")))
	got, err := w.tree.List(permit(t), w.ws)
	must(t, err)
	if strings.Join(got, " ") != "a b/ c@" {
		t.Errorf("%v", got)
	}
	if _, err := w.tree.List(permit(t), w.dir); !errors.Is(err, ErrOutside) {
		t.Errorf("outside: %v", err)
	}
	must(t, os.Symlink(w.dir, filepath.Join(w.ws, "up")))
	if _, err := w.tree.List(permit(t), filepath.Join(w.ws, "up")); err == nil {
		t.Error("listed through a link")
	}
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	w.put(t, "d/f", "x")
	must(t, os.Symlink("d", filepath.Join(w.ws, "l")))
	must(t, os.Symlink(w.secret, filepath.Join(w.ws, "s")))
	must(t, os.Symlink("loop2", filepath.Join(w.ws, "loop1")))
	must(t, os.Symlink("loop1", filepath.Join(w.ws, "loop2")))
	must(t, os.Mkdir(filepath.Join(w.dir, "far"), 0o755))
	must(t, os.Symlink(filepath.Join(w.dir, "far"), filepath.Join(w.ws, "far")))
	for _, c := range []struct{ text, want string }{
		{"d/f", w.ws + "/d/f"}, {"./d//f", w.ws + "/d/f"}, {"l/f", w.ws + "/d/f"}, {"~/d/f", w.ws + "/d/f"}, {"~", w.ws},
		{"s", w.secret}, {"../secret.txt", w.secret}, {"new/deep/file", w.ws + "/new/deep/file"}, {"l/new", w.ws + "/d/new"},
		{"far/../secret.txt", w.secret}, // where the link leads, not where the text does
		{"/", "/"}, {"/..", "/"},
		{"", ""}, {"a\x00b", ""}, {"~root/x", ""}, {"loop1", ""}, {"none/../d/f", ""}, {strings.Repeat("a/", 3000), ""},
	} {
		got, err := w.tree.Resolve(c.text)
		if (err != nil) != (c.want == "") || got.Abs != c.want {
			t.Errorf("%.40q: %q, %v; expected %q", c.text, got.Abs, err, c.want)
		}
	}
}

// TestResolveAgreesWithTheKernel: what Resolve names is what the kernel opens.
func TestResolveAgreesWithTheKernel(t *testing.T) {
	w := newWorld(t)
	w.put(t, "a/b/f", "x")
	w.put(t, "c/f", "y")
	for _, l := range [][2]string{{"../c", "a/l"}, {"a/b", "m"}, {w.ws, "a/b/abs"}, {"m/../l/f", "n"}} {
		must(t, os.Symlink(l[0], filepath.Join(w.ws, l[1])))
	}
	names := []string{"a", "b", "c", "f", "l", "m", "n", "abs", "..", "."}
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 1, 8).Draw(r, "path"), "/")
		want, err := os.Stat(w.ws + "/" + text)
		if err != nil {
			return
		}
		p, err := w.tree.Resolve(text)
		if err != nil {
			r.Fatalf("%q: %v, the kernel finds it", text, err)
		}
		got, err := os.Lstat(p.Abs)
		if err != nil || !os.SameFile(got, want) {
			r.Fatalf("%q: %q is another file (%v)", text, p.Abs, err)
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"a", "../..", "~/x", "a/./b", "/proc/self/root/etc", "l/../x", "\x00", "C:\\x", "//"} {
		f.Add(s, "target")
	}
	f.Fuzz(func(t *testing.T, text, target string) {
		tree, err := New(Options{Cwd: "/w", Home: "/h"})
		must(t, err)
		abs, err := tree.absolute(text)
		if err != nil {
			return
		}
		got, err := followLinks(abs, func(p string) (string, error) {
			if strings.HasSuffix(p, "/l") {
				return target, nil
			}
			return "", os.ErrInvalid
		})
		if err != nil {
			return
		}
		if !filepath.IsAbs(got) || filepath.Clean(got) != got || strings.HasSuffix(got, "/l") {
			t.Fatalf("%q resolves to %q", text, got)
		}
	})
}

func TestLaunch(t *testing.T) {
	w := newWorld(t)
	path := w.put(t, "package.json", "{}")
	c, ok := w.tree.Launch(path)
	if !ok || c.SHA256 != sum("{}") || c.ByAgent || c.Seen {
		t.Errorf("the operator's: %+v, %v", c, ok)
	}
	must(t, w.labels.See(path, c.SHA256, "cli"))
	if c, _ = w.tree.Launch(path); !c.Seen {
		t.Errorf("seen: %+v", c)
	}
	must(t, w.tree.Write(permit(t), path, []byte(`{"scripts":{}}`), ""))
	if c, _ = w.tree.Launch(path); !c.ByAgent || c.Seen {
		t.Errorf("written by an agent: %+v", c)
	}
	if _, ok = w.tree.Launch(filepath.Join(w.ws, "Makefile")); ok {
		t.Error("an absent file was reported")
	}
	if _, ok = w.tree.Launch(w.secret); ok {
		t.Error("a file outside every root was reported")
	}
	must(t, os.Symlink(w.secret, filepath.Join(w.ws, "Makefile")))
	if c, ok = w.tree.Launch(filepath.Join(w.ws, "Makefile")); !ok || !c.ByAgent || c.Seen {
		t.Errorf("a link to the outside: %+v, %v", c, ok)
	}
}

func TestWritesCarryTheLabelsOfTheView(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.ws, "f")
	for _, c := range []struct {
		tree *Tree
		text string
		want claw.Labels
	}{
		{w.tree, "one", claw.Untrusted | claw.Private},
		{w.tree.As(claw.Private, "s"), "two", claw.Private},
		{w.tree.As(0, "s"), "three", 0},
	} {
		must(t, c.tree.Write(permit(t), path, []byte(c.text), ""))
		got, err := w.tree.Read(permit(t), path, 0)
		if err != nil || got.Labels != c.want || got.Origin != Recorded {
			t.Errorf("%s: %v %v, %v; expected %v", c.text, got.Labels, got.Origin, err, c.want)
		}
	}
}

func TestNoEffectWithoutItsRecord(t *testing.T) {
	w := newWorld(t)
	must(t, w.labels.Close())
	path := filepath.Join(w.ws, "f")
	if err := w.tree.Write(permit(t), path, []byte("x"), ""); !errors.Is(err, ErrStore) {
		t.Errorf("write: %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file was written")
	}
	if _, err := w.tree.Begin(context.Background(), w.ws); !errors.Is(err, ErrStore) {
		t.Errorf("begin: %v", err)
	}
}
