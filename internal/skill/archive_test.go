package skill

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

const head = "---\nname: weather\ndescription: Says what the weather is.\nversion: 1.0.0\n---\n"

type member struct {
	name, text, target string
	kind               byte
	mode               int64
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.kind, Linkname: m.target, Mode: 0o644, Size: int64(len(m.text))}
		if m.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if m.mode != 0 {
			h.Mode = m.mode
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func refusedBecause(t *testing.T, err error, rule string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Rule != rule {
		t.Errorf("%v, expected a refusal by %s", err, rule)
	}
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	skill := []member{{name: "weather/SKILL.md", text: head}, {name: "weather/bin/run.sh", text: "#!/bin/sh\n", mode: 0o755}}
	for name, data := range map[string][]byte{"zip": zipOf(t, skill...), "tar.gz": tarOf(t, skill...)} {
		files, err := Unpack(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := Admit(files)
		if err != nil || b.Front.Name != "weather" || len(b.Files) != 3 {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

// TestR58ArchivesAreBounded: an archive is taken for no more than a skill may
// be, whatever it says of itself, and never for a place elsewhere.
func TestR58ArchivesAreBounded(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("\x00", skillscan.MaxFile)
	many := func() (m []member) {
		for i := range skillscan.MaxFiles + 1 {
			m = append(m, member{name: fmt.Sprintf("f%d", i)})
		}
		return m
	}
	bomb := func() (m []member) {
		for i := range skillscan.MaxTotal/skillscan.MaxFile + 1 {
			m = append(m, member{name: fmt.Sprintf("f%d", i), text: big})
		}
		return m
	}
	for name, c := range map[string]struct {
		data []byte
		rule string
	}{
		"zip climbs":       {zipOf(t, member{name: "../x"}), RuleBadPath},
		"tar climbs":       {tarOf(t, member{name: "a/../../x"}), RuleBadPath},
		"tar absolute":     {tarOf(t, member{name: "/etc/x"}), RuleBadPath},
		"windows":          {zipOf(t, member{name: `..\x`}), RuleBadPath},
		"drive":            {tarOf(t, member{name: "C:x"}), RuleBadPath},
		"newline":          {tarOf(t, member{name: "a\nb"}), RuleBadName},
		"escape":           {tarOf(t, member{name: "a\x1b[31mb"}), RuleBadName},
		"turned around":    {zipOf(t, member{name: "a\u202egpj.sh"}), RuleBadName},
		"no UTF-8":         {tarOf(t, member{name: "a\xffb"}), RuleBadName},
		"large file":       {tarOf(t, member{name: "x", text: big + "\x00"}), RuleTooLarge},
		"zip bomb":         {zipOf(t, bomb()...), RuleTooLarge},
		"tar bomb":         {tarOf(t, bomb()...), RuleTooLarge},
		"many files":       {tarOf(t, many()...), RuleTooLarge},
		"many zip entries": {zipOf(t, many()...), RuleTooLarge},
		"device":           {tarOf(t, member{name: "x", kind: tar.TypeChar}), RuleSpecial},
		"pipe":             {tarOf(t, member{name: "x", kind: tar.TypeFifo}), RuleSpecial},
		"hard link":        {tarOf(t, member{name: "x", kind: tar.TypeLink, target: "/etc/passwd"}), RuleLink},
		"twice":            {zipOf(t, member{name: "x"}, member{name: "x"}), RuleArchive},
		"neither":          {[]byte("text"), RuleArchive},
		"cut":              {tarOf(t, member{name: "x", text: "hello"})[:20], RuleArchive},
		"huge":             {make([]byte, MaxArchive+1), RuleTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Unpack(c.data)
			refusedBecause(t, err, c.rule)
		})
	}
}

func TestAdmitRefuses(t *testing.T) {
	t.Parallel()
	ok := skillscan.File{Path: "SKILL.md", Type: skillscan.Regular, Data: []byte(head)}
	link := func(path, to string) skillscan.File {
		return skillscan.File{Path: path, Type: skillscan.Link, Target: to}
	}
	dir := func(path string) skillscan.File { return skillscan.File{Path: path, Type: skillscan.Folder} }
	for name, c := range map[string]struct {
		files []skillscan.File
		rule  string
	}{
		"no SKILL.md":     {[]skillscan.File{{Path: "README.md", Type: skillscan.Regular}}, RuleNoFront},
		"no name":         {[]skillscan.File{{Path: "SKILL.md", Type: skillscan.Regular, Data: []byte("---\ndescription: x\n---\n")}}, RuleBadName},
		"bad name":        {[]skillscan.File{{Path: "SKILL.md", Type: skillscan.Regular, Data: []byte("---\nname: ../../x\n---\n")}}, RuleBadName},
		"yaml bomb":       {[]skillscan.File{{Path: "SKILL.md", Type: skillscan.Regular, Data: []byte("---\nname: x\na: &a [b]\nc: [*a, *a]\n---\n")}}, RuleNoFront},
		"link out":        {[]skillscan.File{ok, link("x", "../y")}, RuleLink},
		"absolute link":   {[]skillscan.File{ok, link("x", "/etc/passwd")}, RuleLink},
		"link to nothing": {[]skillscan.File{ok, link("x", "y")}, RuleLink},
		"circle":          {[]skillscan.File{ok, link("x", "y"), link("y", "x")}, RuleLink},
		"itself":          {[]skillscan.File{ok, link("x", "x")}, RuleLink},
		"folder above":    {[]skillscan.File{ok, dir("a"), link("a/x", "../a")}, RuleLink},
		"pipe":            {[]skillscan.File{ok, {Path: "x", Type: skillscan.Special}}, RuleSpecial},
		"setuid":          {[]skillscan.File{ok, {Path: "x", Type: skillscan.Regular, Mode: 0o4755}}, RuleSpecial},
		"unread":          {[]skillscan.File{ok, {Path: "x", Type: skillscan.Regular, Unread: "1073741824 bytes"}}, RuleTooLarge},
		"two cases":       {[]skillscan.File{ok, {Path: "skill.md", Type: skillscan.Regular}}, RuleBadPath},
		"newline":         {[]skillscan.File{ok, {Path: "a\nb", Type: skillscan.Regular}}, RuleBadName},
		"deep":            {[]skillscan.File{ok, {Path: strings.Repeat("a/", maxDepth) + "b", Type: skillscan.Regular}}, RuleBadPath},
	} {
		_, err := Admit(c.files)
		t.Run(name, func(t *testing.T) { refusedBecause(t, err, c.rule) })
	}
	b, err := Admit([]skillscan.File{ok, link("README.md", "SKILL.md"), dir(".clawhub"), {Path: ".clawhub/origin.json", Type: skillscan.Regular, Data: []byte("{}")}})
	if err != nil || len(b.Files) != 2 {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := Admit([]skillscan.File{ok, dir(".clawhub"), {Path: ".clawhub/run.sh", Type: skillscan.Regular}}); err != nil {
		t.Error(err)
	}
}

// FuzzUnpack: whatever comes, nothing unpacks to more than a skill, and every
// path is a clean one.
func FuzzUnpack(f *testing.F) {
	f.Add(zipOf(f, member{name: "SKILL.md", text: head}))
	f.Add(tarOf(f, member{name: "a/SKILL.md", text: head}, member{name: "a/l", kind: tar.TypeSymlink, target: "SKILL.md"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := Unpack(data)
		if err != nil {
			return
		}
		total := 0
		for _, x := range files {
			total += len(x.Data)
			if err := cleanPath(x.Path); err != nil {
				t.Error(err)
			}
		}
		if total > skillscan.MaxTotal || len(files) > 2*skillscan.MaxFiles*maxDepth {
			t.Errorf("%d bytes in %d files", total, len(files))
		}
		_, _ = Admit(files)
	})
}
