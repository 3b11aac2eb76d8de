package skillscan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

const (
	maxDepth  = 3
	maxOpened = 16 << 20
	maxInside = 500
)

// bytes looks at content by what it is, not by what its name says.
func (s *scan) bytes(name string, b []byte) {
	switch kind := magic(b); kind {
	case "":
	case "zip":
		s.zip(name, b)
		return
	case "gzip":
		s.gzip(name, b)
		return
	case "tar":
		s.tar(name, bytes.NewReader(b))
		return
	case "image", "font", "pdf", "sound":
		s.media(name, b, kind)
		return
	default:
		s.found("file.binary", name, 0, kind)
		s.strings(name, b)
		return
	}
	if strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".pyo") {
		s.pyc(name, b)
		return
	}
	if !isText(b) {
		s.found("file.binary", name, 0, fmt.Sprintf("%d bytes that are no text", len(b)))
		s.strings(name, b)
		return
	}
	s.text(name, string(b))
}

// magic names a binary format by its first bytes, "" for none.
func magic(b []byte) string {
	has := func(p string) bool { return bytes.HasPrefix(b, []byte(p)) }
	switch {
	case has("PK\x03\x04"), has("PK\x05\x06"):
		return "zip"
	case has("\x1f\x8b"):
		return "gzip"
	case len(b) > 262 && string(b[257:262]) == "ustar":
		return "tar"
	case has("\x89PNG"), has("\xff\xd8\xff"), has("GIF8"), has("RIFF"), has("BM") && len(b) > 26 && b[6] == 0 && b[7] == 0, has("\x00\x00\x01\x00"), has("II*\x00"), has("MM\x00*"):
		return "image"
	case has("wOFF"), has("wOF2"), has("\x00\x01\x00\x00\x00"), has("OTTO"):
		return "font"
	case has("%PDF"):
		return "pdf"
	case has("ID3"), has("OggS"), has("fLaC"):
		return "sound"
	case has("\x7fELF"):
		return "a program (ELF)"
	case has("MZ") && len(b) > 64 && !isText(b):
		return "a program (PE)"
	case has("\xcf\xfa\xed\xfe"), has("\xfe\xed\xfa\xcf"), has("\xca\xfe\xba\xbe"), has("\xce\xfa\xed\xfe"):
		return "a program (Mach-O or class)"
	case has("\x00asm"):
		return "a program (WebAssembly)"
	case has("7z\xbc\xaf"), has("Rar!"), has("\xfd7zXZ"), has("BZh"), has("\x28\xb5\x2f\xfd"):
		return "an archive that is not opened"
	case has("SQLite format 3"):
		return "a database"
	}
	return ""
}

func isText(b []byte) bool {
	if bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	return utf8.Valid(b) || bytes.Count(b, []byte{0x1b}) == 0 && invalid(b)*20 < len(b)
}

func invalid(b []byte) int {
	n := 0
	for len(b) > 0 {
		r, w := utf8.DecodeRune(b)
		if r == utf8.RuneError && w == 1 {
			n++
		}
		b = b[w:]
	}
	return n
}

// inside looks at an entry of an archive.
func (s *scan) inside(archive, name string, r io.Reader) bool {
	clean := path.Clean("/" + strings.ReplaceAll(name, `\`, "/"))
	if strings.Contains(name, "..") || strings.HasPrefix(name, "/") || strings.Contains(name, `\`) {
		s.found("archive.escape", archive, 0, name)
	}
	b, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	s.opened += len(b)
	if err != nil || len(b) > MaxFile || s.opened > maxOpened {
		s.found("file.not-analysable", archive, 0, fmt.Sprintf("%q cannot be read, or is too large", name))
		return s.opened <= maxOpened
	}
	full := archive + "!" + clean
	if l, _ := language(clean, b); (l != lang.None || isShell(clean, b)) && documentName(archive) {
		s.found("archive.code", archive, 0, "holds the program "+clean)
	}
	s.depth++
	if s.depth > maxDepth {
		s.found("file.not-analysable", archive, 0, "archives nested too deep")
	} else {
		before := len(s.findings)
		s.bytes(full, b)
		for _, f := range s.findings[before:] { // the file that a person can open
			if strings.HasPrefix(f.File, archive+"!") && f.Rule != "archive.code" {
				s.found(f.Rule, archive, 0, clean+": "+f.Evidence)
			}
		}
	}
	s.depth--
	return true
}

func documentName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".pages", ".key", ".numbers":
		return true
	}
	return false
}

func (s *scan) zip(name string, b []byte) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		s.found("file.not-analysable", name, 0, "an archive that cannot be read: "+err.Error())
		return
	}
	for i, f := range z.File {
		if i >= maxInside {
			s.found("file.not-analysable", name, 0, "more entries than are looked at")
			return
		}
		if f.FileInfo().IsDir() {
			continue
		}
		if f.Flags&1 != 0 {
			s.found("archive.encrypted", name, 0, f.Name)
			continue
		}
		r, err := f.Open()
		if err != nil {
			s.found("file.not-analysable", name, 0, f.Name+": "+err.Error())
			continue
		}
		ok := s.inside(name, f.Name, r)
		r.Close()
		if !ok {
			return
		}
	}
}

func (s *scan) gzip(name string, b []byte) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		s.found("file.not-analysable", name, 0, err.Error())
		return
	}
	inner, err := io.ReadAll(io.LimitReader(z, MaxFile+1))
	s.opened += len(inner)
	if err != nil || len(inner) > MaxFile || s.opened > maxOpened {
		s.found("file.not-analysable", name, 0, "cannot be unpacked, or is too large")
		return
	}
	if s.depth++; s.depth <= maxDepth {
		s.bytes(name+"!"+strings.TrimSuffix(path.Base(name), ".gz"), inner)
	}
	s.depth--
}

func (s *scan) tar(name string, r io.Reader) {
	t := tar.NewReader(r)
	for i := 0; ; i++ {
		h, err := t.Next()
		if err == io.EOF {
			return
		}
		if err != nil || i >= maxInside {
			s.found("file.not-analysable", name, 0, "an archive that cannot be read to its end")
			return
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if !s.inside(name, h.Name, t) {
				return
			}
		case tar.TypeSymlink, tar.TypeLink:
			if strings.HasPrefix(h.Linkname, "/") || strings.Contains(h.Linkname, "..") {
				s.found("archive.escape", name, 0, h.Name+" leads to "+h.Linkname)
			}
		case tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			s.found("archive.escape", name, 0, h.Name+" is a special file")
		}
	}
}

// pyc is compiled Python: nobody reads it, so it needs a person.
func (s *scan) pyc(name string, b []byte) {
	base := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), path.Ext(name)), ".opt-1")
	base, _, _ = strings.Cut(base, ".")
	source := false
	for _, dir := range []string{path.Dir(name), path.Dir(path.Dir(name))} {
		if _, ok := s.byPath[path.Join(dir, base+".py")]; ok {
			source = true
		}
	}
	if !source {
		s.found("file.compiled-only", name, 0, "compiled Python without its source")
	} else {
		s.found("file.compiled", name, 0, "compiled Python that may differ from its source")
	}
	s.strings(name, b)
}

// media has its text looked at: metadata, comments, what follows its end.
func (s *scan) media(name string, b []byte, kind string) {
	if kind == "image" && bytes.HasPrefix(b, []byte("\x89PNG")) {
		if i := bytes.LastIndex(b, []byte("IEND\xaeB`\x82")); i >= 0 && len(b)-i-8 > 16 {
			s.found("file.polyglot", name, 0, fmt.Sprintf("%d bytes after the end of the image", len(b)-i-8))
		}
	}
	s.strings(name, b)
}

// strings looks at the runs of text in bytes that are none.
func (s *scan) strings(name string, b []byte) {
	from := -1
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] >= 0x20 && b[i] < 0x7f {
			if from < 0 {
				from = i
			}
			continue
		}
		if from >= 0 && i-from >= 12 {
			t := string(b[from:i])
			s.embedded(name, 0, t)
			if i-from >= 40 && strings.Count(t, " ") > 5 {
				s.prose(name, []line{{t, 0}}, proseHidden)
			}
		}
		from = -1
	}
}

// language tells the language of a program by its name and first line. sure is
// false for what only looks like one.
func language(name string, b []byte) (l lang.Language, sure bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".py", ".pyw", ".pyi":
		return lang.Python, true
	case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx":
		return lang.JavaScript, true
	case ".rb", ".rake":
		return lang.Ruby, true
	case ".php", ".phtml":
		return lang.PHP, true
	case ".pl", ".pm":
		return lang.Perl, true
	case ".lua":
		return lang.Lua, true
	case ".ps1", ".psm1", ".psd1":
		return lang.PowerShell, true
	case ".go", ".rs", ".java", ".kt", ".swift", ".c", ".cc", ".cpp", ".cs", ".scala", ".groovy", ".vbs", ".jl", ".r", ".applescript":
		return lang.Other, true
	}
	return shebang(b), true
}

func shebang(b []byte) lang.Language {
	first, _, _ := bytes.Cut(b[:min(len(b), 200)], []byte("\n"))
	if !bytes.HasPrefix(first, []byte("#!")) {
		return lang.None
	}
	w := string(first)
	switch {
	case strings.Contains(w, "python"), strings.Contains(w, "uv run"):
		return lang.Python
	case strings.Contains(w, "node"), strings.Contains(w, "deno"), strings.Contains(w, "bun"):
		return lang.JavaScript
	case strings.Contains(w, "ruby"):
		return lang.Ruby
	case strings.Contains(w, "php"):
		return lang.PHP
	case strings.Contains(w, "perl"):
		return lang.Perl
	case strings.Contains(w, "lua"):
		return lang.Lua
	case strings.Contains(w, "pwsh"):
		return lang.PowerShell
	}
	return lang.None
}

func isShell(name string, b []byte) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".sh", ".bash", ".zsh", ".ksh", ".command", ".fish", ".bats", ".envrc":
		return true
	}
	if path.Base(name) == ".envrc" {
		return true
	}
	first, _, _ := bytes.Cut(b[:min(len(b), 200)], []byte("\n"))
	return bytes.HasPrefix(first, []byte("#!")) && (bytes.Contains(first, []byte("sh")) && shebang(b) == lang.None)
}
