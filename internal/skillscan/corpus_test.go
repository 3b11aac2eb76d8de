package skillscan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// sample is one skill of a corpus.
type sample struct {
	name   string
	bad    bool
	files  []File
	faults []fault
}

type fault struct {
	file string
	line int // 0: the whole file
}

// devSet are the project's cases, packed since they hold links, compiled code
// and archives.
func devSet(t testing.TB) []sample {
	f, err := os.ReadFile("testdata/skills.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]File{}
	var index []byte
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r)
		name := strings.TrimPrefix(h.Name, "skills/")
		if name == "index.jsonl" {
			index = b
			continue
		}
		parts := strings.SplitN(name, "/", 3)
		if len(parts) < 3 || parts[2] == "" || h.Typeflag == tar.TypeDir {
			continue
		}
		e := File{Path: parts[2], Mode: uint32(h.Mode), Type: Regular, Data: b}
		if h.Typeflag == tar.TypeSymlink {
			e.Type, e.Target, e.Data = Link, h.Linkname, nil
		}
		key := parts[0] + "/" + parts[1]
		all[key] = append(all[key], e)
	}
	var out []sample
	for l := range bytes.Lines(index) {
		var row struct {
			Path   string
			Label  string
			Faults []struct {
				File string
				Line int
			}
		}
		if err := json.Unmarshal(l, &row); err != nil {
			t.Fatal(err)
		}
		s := sample{name: row.Path, bad: row.Label == "malicious", files: all[row.Path]}
		for _, f := range row.Faults {
			s.faults = append(s.faults, fault{f.File, f.Line})
		}
		out = append(out, s)
	}
	return out
}

// ownSet reads skills written as text.
func ownSet(t testing.TB, file string, bad bool) []sample {
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	for _, chunk := range strings.Split("\n"+string(b), "\n=== ")[1:] {
		out = append(out, ownSkill(t, chunk, bad))
	}
	return out
}

func ownSkill(t testing.TB, chunk string, bad bool) sample {
	head, body, _ := strings.Cut(chunk, "\n-- ")
	lines := strings.Split(head, "\n")
	s := sample{name: lines[0], bad: bad}
	desc := ""
	var faults []string
	for _, l := range lines[1:] {
		if v, ok := strings.CutPrefix(l, "desc: "); ok {
			desc = v
		}
		if v, ok := strings.CutPrefix(l, "fault: "); ok {
			faults = append(faults, v)
		}
	}
	for _, part := range strings.Split(body, "\n-- ") {
		title, text, _ := strings.Cut(part, "\n")
		title = strings.TrimSuffix(title, " --")
		name, form := title, ""
		if i := strings.LastIndexByte(title, ' '); i > 0 {
			name, form = title[:i], title[i+1:]
		}
		f := File{Path: name, Mode: 0o644, Type: Regular}
		switch form {
		case "link":
			f.Type, f.Target = Link, strings.TrimSpace(text)
		case "esc":
			text = expand(t, text)
		case "zip":
			text = packed(t, text)
		case "":
		default:
			t.Fatalf("%s: %q", s.name, title)
		}
		if f.Type == Regular {
			if form != "zip" {
				text += "\n"
			}
			if name == "SKILL.md" && !strings.HasPrefix(text, "---") {
				text = "---\nname: " + s.name + "\ndescription: " + desc + "\n---\n\n" + text
			}
			f.Data = []byte(text)
		}
		s.files = append(s.files, f)
	}
	for _, v := range faults {
		s.faults = append(s.faults, s.place(t, v))
	}
	return s
}

func (s *sample) place(t testing.TB, v string) fault {
	file, want, _ := strings.Cut(v, ": ")
	i := slices.IndexFunc(s.files, func(f File) bool { return f.Path == file })
	if i < 0 {
		t.Fatalf("%s: no file %q", s.name, file)
	}
	if want == "*" {
		return fault{file, 0}
	}
	for n, l := range strings.Split(string(s.files[i].Data), "\n") {
		if strings.Contains(l, want) {
			return fault{file, n + 1}
		}
	}
	t.Fatalf("%s: no %q in %q", s.name, want, file)
	return fault{}
}

func expand(t testing.TB, s string) string {
	var b strings.Builder
	for s != "" {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		r, multi, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			t.Fatal(err)
		}
		if multi || r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
		s = rest
	}
	return b.String()
}

func packed(t testing.TB, text string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range strings.Split("\n"+text, "\n>> ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body)
	}
	z.Close()
	return b.String()
}

// figures of a corpus.
type figures struct {
	bad, blocked, reviewed, hit, lines, lineHits int
	good, goodBlocked, goodReviewed              int
}

func measure(t testing.TB, set []sample, show bool) figures {
	var f figures
	for _, s := range set {
		r := Scan(s.files)
		if !s.bad {
			f.good++
			switch r.Verdict {
			case Block:
				f.goodBlocked++
			case Review:
				f.goodReviewed++
			case Pass:
			}
			if show && r.Verdict != Pass {
				t.Logf("benign %s: %s %s", s.name, r.Verdict, listed(r))
			}
			continue
		}
		f.bad++
		switch r.Verdict {
		case Block:
			f.blocked++
		case Review:
			f.reviewed++
		case Pass:
		}
		named := false
		var missed []fault
		for _, want := range s.faults {
			f.lines++
			if slices.ContainsFunc(r.Findings, func(x Finding) bool {
				return path.Clean(x.File) == want.file && (want.line == 0 || x.Line == want.line) && x.Severity > claw.Info
			}) {
				f.lineHits++
				named = true
			} else {
				missed = append(missed, want)
			}
		}
		if named && r.Verdict != Pass {
			f.hit++
		}
		if show && (r.Verdict != Block || !named || len(missed) > 0) {
			t.Logf("bad %s: %s, named %v, missed %v %s", s.name, r.Verdict, named, missed, listed(r))
		}
	}
	return f
}

func listed(r Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString("\n      " + f.Severity.String() + " " + f.Rule + " " + f.File + ":" + strconv.Itoa(f.Line) + " " + f.Evidence)
	}
	return b.String()
}

// TestCorpora: what is known to be hostile is found, at its lines, and what is
// known to be ordinary is let through. Each set was measured before a rule was
// changed for it: docs/skills.md has the figures. Rules were improved on "tune"
// while "held" was only counted, then on "held"; "fresh" came after both.
func TestCorpora(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  []sample
		bad  int // of a hundred hostile, found and named
	}{
		{"dev", devSet(t), 98},
		{"own bad", ownSet(t, "own_malicious.txt", true), 98}, {"own good", ownSet(t, "own_benign.txt", false), 0},
		{"later bad", ownSet(t, "later_malicious.txt", true), 95}, {"later good", ownSet(t, "later_benign.txt", false), 0},
		{"tune bad", ownSet(t, "tune_malicious.txt", true), 95}, {"tune good", ownSet(t, "tune_benign.txt", false), 0},
		{"held bad", ownSet(t, "held_malicious.txt", true), 90}, {"held good", ownSet(t, "held_benign.txt", false), 0},
		{"fresh bad", ownSet(t, "fresh_malicious.txt", true), 80}, {"fresh good", ownSet(t, "fresh_benign.txt", false), 0},
	} {
		w := os.Getenv("SHOW")
		f := measure(t, c.set, w != "" && strings.HasPrefix(c.name, w))
		t.Logf("%s: %d bad: %d blocked, %d reviewed, %d named, lines %d/%d; %d good: %d blocked, %d reviewed", c.name, f.bad, f.blocked, f.reviewed, f.hit, f.lineHits, f.lines, f.good, f.goodBlocked, f.goodReviewed)
		if f.hit*100 < c.bad*f.bad {
			t.Errorf("%s: %d of %d hostile skills are named", c.name, f.hit, f.bad)
		}
		if f.lineHits*100 < 90*f.lines {
			t.Errorf("%s: %d of %d lines are named", c.name, f.lineHits, f.lines)
		}
		if f.goodBlocked*100 > 4*f.good || f.goodReviewed*100 > 5*f.good {
			t.Errorf("%s: of %d ordinary skills %d are blocked, %d sent to review", c.name, f.good, f.goodBlocked, f.goodReviewed)
		}
	}
}

// layers are kinds of rules, by the beginnings of their names.
var layers = []struct {
	name  string
	rules []string
}{
	{"what is run", []string{"exec.", "shell.", "mine.", "destroy."}},
	{"what flows where", []string{"flow.", "read.", "net."}},
	{"what stays, what is given away", []string{"persist.", "priv.", "tamper."}},
	{"packages and declarations", []string{"supply.", "declare."}},
	{"orders in text", []string{"order.", "secret."}},
	{"hidden text, files, archives", []string{"text.", "link.", "file.", "archive."}},
}

// TestLayers says what each kind of rule brings: how many hostile skills are
// still found without it, and by it alone.
func TestLayers(t *testing.T) {
	t.Parallel()
	set := devSet(t)
	for _, f := range []string{"own", "later", "tune", "held", "fresh"} {
		set = append(set, ownSet(t, f+"_malicious.txt", true)...)
	}
	var reports []Report
	for _, s := range set {
		if s.bad {
			reports = append(reports, Scan(s.files))
		}
	}
	count := func(keep func(rule string) bool) (blocked, found int) {
		for _, r := range reports {
			v := Pass
			for _, f := range r.Findings {
				if !keep(f.Rule) {
					continue
				}
				switch f.Severity {
				case claw.Critical:
					v = min(v, Block)
				case claw.Warn:
					v = min(v, Review)
				case claw.Info:
				}
			}
			if v != Pass {
				found++
			}
			if v == Block {
				blocked++
			}
		}
		return blocked, found
	}
	all, allFound := count(func(string) bool { return true })
	t.Logf("all layers: %d of %d blocked, %d found", all, len(reports), allFound)
	for _, l := range layers {
		in := func(rule string) bool {
			return slices.ContainsFunc(l.rules, func(p string) bool { return strings.HasPrefix(rule, p) })
		}
		without, withoutFound := count(func(r string) bool { return !in(r) })
		alone, aloneFound := count(in)
		t.Logf("%s: without it %d blocked, %d found; alone %d blocked, %d found", l.name, without, withoutFound, alone, aloneFound)
		if alone == 0 || without >= all {
			t.Errorf("%s finds nothing that the others do not", l.name)
		}
	}
}
