package crash

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// call is one system call that changed something below the home, or said that
// something is done.
type call struct {
	name  string
	fd    int // the first argument, or what openat gave
	words []string
	flags string
	nums  []int64 // of the remaining arguments
}

var errCut = errors.New("the log does not have all of it")

var (
	callLine = regexp.MustCompile(`^(\w+)\((.*)\)\s+= (-?\d+)`)
	hexWord  = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?`)
	number   = regexp.MustCompile(`(?:^|[, ])(\d+)(?:$|,|\))`)
)

// parse reads a log of strace -f -xx, putting together what other threads
// interrupted. A text that was cut is an error: it would be replayed wrong.
func parse(log []byte) ([]call, error) {
	var out []call
	begun := map[string]string{}
	for line := range strings.Lines(string(log)) {
		pid, rest, ok := strings.Cut(strings.TrimRight(line, "\n"), " ")
		rest = strings.TrimSpace(rest)
		if !ok {
			continue
		}
		if head, cut := strings.CutSuffix(rest, " <unfinished ...>"); cut {
			begun[pid] = head
			continue
		}
		if _, tail, cut := strings.Cut(rest, " resumed>"); cut && strings.HasPrefix(rest, "<... ") {
			rest = begun[pid] + strings.TrimPrefix(tail, " ")
		}
		m := callLine.FindStringSubmatch(rest)
		if m == nil {
			continue
		}
		result, err := strconv.Atoi(m[3])
		if err != nil || result < 0 {
			continue
		}
		c := call{name: m[1], fd: -1, flags: hexWord.ReplaceAllString(m[2], "")}
		for _, w := range hexWord.FindAllStringSubmatch(m[2], -1) {
			b, err := hex.DecodeString(strings.ReplaceAll(w[1], `\x`, ""))
			if err != nil || w[2] != "" {
				return nil, fmt.Errorf("a text of %s was cut (%w)", m[1], errors.Join(err, errCut))
			}
			c.words = append(c.words, string(b))
		}
		first, _, _ := strings.Cut(m[2], ",")
		if n, err := strconv.Atoi(first); err == nil {
			c.fd = n
		}
		if c.name == "openat" {
			c.fd = result
		}
		for _, n := range number.FindAllStringSubmatch(strings.ReplaceAll(c.flags, ",", " , "), -1) {
			v, err := strconv.ParseInt(n[1], 10, 64)
			if err == nil {
				c.nums = append(c.nums, v)
			}
		}
		if c.name == "write" || c.name == "pwrite64" {
			if len(c.words) != 1 || len(c.words[0]) != result {
				return nil, fmt.Errorf("%s: %d bytes were written, the log has %d", m[1], result, len(strings.Join(c.words, "")))
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// inode is a file's content: what the disk has for certain, and what was done
// to it since.
type inode struct {
	durable, live []byte
	pending       []edit
}

type edit struct {
	at   int64
	data []byte
	size int64 // of a truncation; -1 for a write
}

func (e edit) on(b []byte) []byte {
	if e.size >= 0 {
		return resize(b, e.size)
	}
	b = resize(b, max(int64(len(b)), e.at+int64(len(e.data))))
	copy(b[e.at:], e.data)
	return b
}

func resize(b []byte, n int64) []byte {
	out := make([]byte, n)
	copy(out, b)
	return out
}

func (n *inode) edit(e edit) {
	n.live = e.on(n.live)
	n.pending = append(n.pending, e)
}

// entry is a change of a directory that its fsync makes durable.
type entry struct {
	dir, name, to string // to: of a rename
	file          *inode // nil removes
}

func (e entry) on(names map[string]*inode) {
	if e.to != "" {
		delete(names, e.name)
		names[e.to] = e.file
		return
	}
	if e.file == nil {
		delete(names, e.name)
		return
	}
	names[e.name] = e.file
}

// disk replays calls on files and remembers what was not synced.
type disk struct {
	root          string
	durable, live map[string]*inode
	pending       []entry
	fds           map[int]*handle
	said          strings.Builder
}

type handle struct {
	file *inode
	dir  string
	at   int64
	app  bool
}

func newDisk(t *testing.T, root string) *disk {
	t.Helper()
	d := &disk{root: root, durable: map[string]*inode{}, live: map[string]*inode{}, fds: map[int]*handle{}}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		n := &inode{durable: b, live: b}
		d.durable[path], d.live[path] = n, n
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *disk) change(e entry) {
	e.on(d.live)
	d.pending = append(d.pending, e)
}

func (d *disk) apply(c call) {
	h := d.fds[c.fd]
	switch c.name {
	case "openat":
		d.open(c)
	case "close":
		delete(d.fds, c.fd)
	case "write":
		if c.fd == 1 {
			d.said.WriteString(c.words[0])
		}
		if h == nil || h.file == nil {
			return
		}
		if h.app {
			h.at = int64(len(h.file.live))
		}
		h.file.edit(edit{h.at, []byte(c.words[0]), -1})
		h.at += int64(len(c.words[0]))
	case "pwrite64":
		if h != nil && h.file != nil {
			h.file.edit(edit{c.nums[len(c.nums)-1], []byte(c.words[0]), -1})
		}
	case "ftruncate":
		if h != nil && h.file != nil {
			h.file.edit(edit{0, nil, c.nums[len(c.nums)-1]})
		}
	case "fsync", "fdatasync":
		d.sync(h)
	case "rename", "renameat", "renameat2":
		if f := d.live[c.words[0]]; f != nil {
			d.change(entry{dir: filepath.Dir(c.words[1]), name: c.words[0], to: c.words[1], file: f})
		}
	case "unlink", "unlinkat":
		if d.live[c.words[0]] != nil {
			d.change(entry{dir: filepath.Dir(c.words[0]), name: c.words[0]})
		}
	}
}

func (d *disk) open(c call) {
	path := c.words[0]
	if !strings.HasPrefix(path, d.root+"/") && path != d.root {
		delete(d.fds, c.fd)
		return
	}
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		d.fds[c.fd] = &handle{dir: path}
		return
	}
	f := d.live[path]
	if f == nil {
		f = &inode{}
		d.change(entry{dir: filepath.Dir(path), name: path, file: f})
	} else if strings.Contains(c.flags, "O_TRUNC") {
		f.edit(edit{0, nil, 0})
	}
	d.fds[c.fd] = &handle{file: f, app: strings.Contains(c.flags, "O_APPEND")}
}

func (d *disk) sync(h *handle) {
	if h == nil {
		return
	}
	if h.file != nil {
		h.file.durable, h.file.pending = slices.Clone(h.file.live), nil
		return
	}
	d.pending = slices.DeleteFunc(d.pending, func(e entry) bool {
		if e.dir == h.dir {
			e.on(d.durable)
		}
		return e.dir == h.dir
	})
}

// lost is one way in which the power may go now: which entries and which
// writes reached the disk, in which order.
func (d *disk) lost(r *rand.Rand) map[string][]byte {
	names := maps.Clone(d.durable)
	order := slices.Clone(d.pending)
	if r.IntN(2) == 0 {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	for _, e := range order {
		if r.IntN(2) == 0 {
			e.on(names)
		}
	}
	content := map[*inode][]byte{}
	out := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		if _, ok := content[f]; !ok {
			content[f] = f.lost(r)
		}
		out[name] = content[f]
	}
	return out
}

// page is what a kernel writes back at once: within one, what was written
// first cannot be missing behind what came later.
const page = 4096

// lost is the file with some of what was not synced: its size is that of some
// moment since, and every page is as it was at some moment of its own.
func (n *inode) lost(r *rand.Rand) []byte {
	moments := [][]byte{n.durable}
	for _, e := range n.pending {
		moments = append(moments, e.on(slices.Clone(moments[len(moments)-1])))
	}
	pick := func() []byte {
		switch r.IntN(3) {
		case 0:
			return moments[0]
		case 1:
			return moments[len(moments)-1]
		}
		return moments[r.IntN(len(moments))]
	}
	out := make([]byte, len(pick()))
	for at := 0; at < len(out); at += page {
		end := min(at+page, len(out))
		from := resize(pick(), int64(max(end, len(out))))
		copy(out[at:end], from[at:end])
	}
	return out
}

// write puts a state of the disk into a directory.
func write(t *testing.T, root, to string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		rel, err := filepath.Rel(root, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, rel), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func digest(files map[string][]byte) [32]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d ", name, len(files[name]))
		h.Write(files[name])
	}
	return [32]byte(h.Sum(nil))
}

// TestPowerLoss records every call of a program that changes a home, then
// loses the power after each: what was not synced is dropped, torn or
// reordered. Of the encrypted store, the configuration and the pairings there
// is what was said to be done, or what was being done; of a conversation a
// beginning, whole lines of it. It needs strace.
func TestPowerLoss(t *testing.T) {
	root := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := prepare(root); err != nil {
		t.Fatal(err)
	}
	d := newDisk(t, root)
	log := filepath.Join(t.TempDir(), "calls")
	traced(t, root, log, 1, point{}, "-xx", "-s", "4194304", "-e", "trace="+changing+",openat,close")
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(20261124, 2))
	seen := map[[32]byte]bool{}
	ways := 2
	if *soak {
		ways = 60
	}
	durable := func(kind string) bool { return kind != "store" }
	changes := 0
	for i, c := range calls {
		d.apply(c)
		if c.name == "openat" && !strings.Contains(c.flags, "O_CREAT") || c.name == "close" {
			continue
		}
		changes++
		for range ways {
			files := d.lost(r)
			key := digest(files)
			if seen[key] {
				continue
			}
			seen[key] = true
			to := t.TempDir()
			write(t, root, to, files)
			now, err := read(to)
			if err == nil {
				err = now.holds(saidIn(d.said.String(), 1), durable)
			}
			if err != nil {
				t.Fatalf("the power went after call %d (%s): %v", i, c.name, err)
			}
			if err := os.RemoveAll(to); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The replay is right when what it ends with is what the disk has.
	for name, f := range d.live {
		if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, f.live) {
			t.Errorf("%s differs from its replay: %v", name, err)
		}
	}
	t.Logf("%d states after %d calls", len(seen), changes)
	if changes < 60 || len(seen) < 100 {
		t.Errorf("only %d states after %d calls", len(seen), changes)
	}
}

// TestPowerLossNotices: the replay finds a program that does not sync.
func TestPowerLossNotices(t *testing.T) {
	for _, drop := range []string{"fsync of files", "fsync of directories"} {
		d := &disk{root: "/h", durable: map[string]*inode{}, live: map[string]*inode{}, fds: map[int]*handle{}}
		old := &inode{durable: []byte("old"), live: []byte("old")}
		d.durable["/h/f"], d.live["/h/f"] = old, old
		d.apply(call{name: "openat", fd: 3, words: []string{"/h/t"}, flags: "O_CREAT"})
		d.apply(call{name: "write", fd: 3, words: []string{"new"}})
		if drop != "fsync of files" {
			d.apply(call{name: "fsync", fd: 3})
		}
		d.apply(call{name: "renameat", words: []string{"/h/t", "/h/f"}})
		if drop != "fsync of directories" {
			d.fds[4] = &handle{dir: "/h"}
			d.apply(call{name: "fsync", fd: 4})
		}
		r := rand.New(rand.NewPCG(1, 1))
		bad := 0
		for range 200 {
			if string(d.lost(r)["/h/f"]) != "new" {
				bad++
			}
		}
		if bad == 0 {
			t.Errorf("without %s nothing is lost", drop)
		}
	}
}

// TestFullDisk fails one call after another for want of space: the program
// says so and stops, and every file is the old or the new one.
func TestFullDisk(t *testing.T) {
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	if err := prepare(dir); err != nil {
		t.Fatal(err)
	}
	traced(t, dir, log, 1, point{})
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.DeleteFunc(points(b), func(p point) bool {
		return p.name != "write" && p.name != "pwrite64" && p.name != "fsync"
	})
	r := rand.New(rand.NewPCG(20261124, 3))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if !*soak {
		all = all[:min(len(all), 12)]
	}
	told := 0
	for _, p := range all {
		now, err := read(dir)
		if err != nil {
			t.Fatal(err)
		}
		from := 1 + max(now["vault"], now["config"], now["pairing"], now["store"])
		level(t, dir, now, from-1)
		c := exec.Command("strace", "-f", "-qq", "-o", log, "-e", "trace="+p.name, "-e", fmt.Sprintf("inject=%s:error=ENOSPC:when=%d", p.name, p.n), os.Args[0])
		c.Env = []string{fmt.Sprintf("%s=%s %d %d", childVar, dir, from, rounds), "HOME=" + dir, "GOMAXPROCS=1", "PATH=/usr/bin:/bin"}
		var out, failed bytes.Buffer
		c.Stdout, c.Stderr = &out, &failed
		if err := c.Run(); err != nil {
			if !strings.Contains(failed.String(), "no space left") {
				t.Errorf("%s %d: %v: %s", p.name, p.n, err, failed.String())
			}
			told++
		}
		if now, err = read(dir); err != nil {
			t.Fatalf("%s %d: %v", p.name, p.n, err)
		}
		if err := now.holds(saidIn(out.String(), from), func(string) bool { return true }); err != nil && told > 0 && failed.Len() > 0 {
			t.Errorf("%s %d: %v", p.name, p.n, err)
		}
	}
	if told < len(all)/2 {
		t.Errorf("only %d of %d were told", told, len(all))
	}
}
