// Package skillscan reads the files of a skill as a stranger's: what they do,
// what they tell the agent, what they hide. It runs nothing, follows no link,
// passes no skill of which it has not seen every byte.
package skillscan

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Type is what an entry of a skill's folder is.
type Type uint8

// Types. The zero value is none that a skill may hold.
const (
	Special Type = iota // a pipe, socket or device
	Regular
	Link
	Folder
)

// File is one entry, by its path below the skill's folder.
type File struct {
	Path string
	Mode uint32
	Type Type
	Data []byte
	// Target is where a link leads, as it is written.
	Target string
	// Unread says why Data does not hold what the file does, "" if it does.
	Unread string
}

// Verdict is what a scan comes to. The zero value blocks.
type Verdict uint8

// Verdicts.
const (
	Block Verdict = iota
	Review
	Pass
)

func (v Verdict) String() string {
	switch v {
	case Pass:
		return "pass"
	case Review:
		return "review"
	case Block:
	}
	return "block"
}

// MarshalText prints the verdict's word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads it; an unknown word blocks.
func (v *Verdict) UnmarshalText(b []byte) error {
	switch string(b) {
	case "pass":
		*v = Pass
	case "review":
		*v = Review
	default:
		*v = Block
	}
	return nil
}

// Finding is one thing to say about a place. Evidence is its text, made
// visible, with credentials masked.
type Finding struct {
	Rule     string        `json:"rule"`
	Severity claw.Severity `json:"severity"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Evidence string        `json:"evidence"`
}

// Report is the result of a scan.
type Report struct {
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
	SHA256   string    `json:"sha256"`
	Manifest Manifest  `json:"manifest"`
}

// Limits of one skill. What is beyond them is not analysable, which is a
// finding.
const (
	MaxFiles   = 2000
	MaxFile    = 4 << 20
	MaxTotal   = 32 << 20
	maxFound   = 400
	maxPerRule = 40
)

// Scan judges a skill. Its cost grows with the bytes.
func Scan(files []File) Report {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	s := &scan{files: files, byPath: map[string]*File{}, manifest: newManifest(), rows: severities()}
	total := 0
	for i := range files {
		s.byPath[files[i].Path] = &files[i]
		total += len(files[i].Data)
	}
	if len(files) > MaxFiles || total > MaxTotal {
		s.found("file.not-analysable", ".", 0, fmt.Sprintf("%d files, %d bytes", len(files), total))
	}
	s.declared()
	for i := range files {
		if i >= MaxFiles {
			break
		}
		s.file(&files[i])
	}
	s.coherence()
	return s.report()
}

type scan struct {
	files    []File
	byPath   map[string]*File
	decl     declared
	manifest *Manifest
	findings []Finding
	count    map[string]int
	rows     map[string]claw.Severity
	depth    int // of texts inside texts
	opened   int // bytes that archives gave
	shells   int // texts that were read as shell
	sends    []sendAct
	hooks    []hookAct
	enables  []Finding // services that are switched on
	mention  bool      // what is read is quoted as an example
}

// found notes a finding. The same place is said once a rule.
func (s *scan) found(rule, file string, line int, evidence string) {
	severity, ok := s.rows[rule]
	if !ok {
		panic("skillscan: no rule " + rule)
	}
	if s.mention {
		severity = claw.Info
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	if len(s.findings) >= maxFound || s.count[rule] >= maxPerRule {
		return
	}
	for i := range s.findings {
		if f := &s.findings[i]; f.Rule == rule && f.File == file && f.Line == line {
			f.Severity = max(f.Severity, severity)
			return
		}
	}
	s.count[rule]++
	s.findings = append(s.findings, Finding{Rule: rule, Severity: severity, File: file, Line: line, Evidence: evidence})
}

func (s *scan) report() Report {
	r := Report{Verdict: Pass, SHA256: Digest(s.files), Manifest: s.manifest.done(s.decl)}
	var mask *filter.Redactor
	for i := range s.findings {
		f := &s.findings[i]
		f.Evidence = short(filter.Visible(mask.String(f.Evidence)))
		f.File = filter.Visible(f.File)
		switch f.Severity {
		case claw.Critical:
			r.Verdict = min(r.Verdict, Block)
		case claw.Warn:
			r.Verdict = min(r.Verdict, Review)
		case claw.Info:
		}
	}
	slices.SortStableFunc(s.findings, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	r.Findings = s.findings
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	return r
}

func short(t string) string {
	t = strings.Join(strings.Fields(t), " ")
	if r := []rune(t); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return t
}

// Digest names a set of files by path, mode, type and bytes (R16): a file
// more, less or different is another skill. Of a mode counts what it lets run,
// so that a copy that only its owner may read is the same skill.
func Digest(files []File) string {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	h := sha256.New()
	part := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	for _, f := range files {
		part([]byte(f.Path))
		h.Write(binary.BigEndian.AppendUint32([]byte{byte(f.Type)}, f.runs()))
		part([]byte(f.Target))
		part([]byte(f.Unread))
		part(f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// runs is the part of a mode that says what can be run, and as whom.
func (f *File) runs() uint32 {
	mode := f.Mode & 0o7000
	if f.Type == Regular && f.Mode&0o111 != 0 {
		mode |= 0o111
	}
	return mode
}

// file looks at one entry by what it is.
func (s *scan) file(f *File) {
	switch f.Type {
	case Folder:
		return
	case Special:
		s.found("file.special", f.Path, 0, "neither a file, a folder nor a link")
		return
	case Link:
		s.link(f)
		return
	case Regular:
	}
	if f.Unread != "" || len(f.Data) > MaxFile {
		s.found("file.not-analysable", f.Path, 0, cmp.Or(f.Unread, fmt.Sprintf("%d bytes", len(f.Data))))
	}
	if len(f.Data) > MaxFile {
		return
	}
	if f.Mode&0o6000 != 0 {
		s.found("priv.setuid", f.Path, 0, fmt.Sprintf("mode %04o", f.Mode&0o7777))
	}
	s.bytes(f.Path, f.Data)
}

// link judges where a link leads.
func (s *scan) link(f *File) {
	to := strings.ReplaceAll(f.Target, `\`, "/")
	full := path.Join(path.Dir(f.Path), to)
	if strings.HasPrefix(to, "/") || strings.HasPrefix(to, "~") || full == ".." || strings.HasPrefix(full, "../") {
		s.found("link.outside", f.Path, 0, "leads to "+f.Target)
		return
	}
	if _, ok := s.byPath[full]; !ok && full != "." && !slices.ContainsFunc(s.files, func(o File) bool { return strings.HasPrefix(o.Path, full+"/") }) {
		s.found("link.broken", f.Path, 0, "leads to "+f.Target)
	}
}
