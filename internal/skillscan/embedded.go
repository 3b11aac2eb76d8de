package skillscan

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// hints are pieces of which a text that runs a program has at least one.
var hints = [...]string{"curl ", "wget ", "|sh", "| sh", "|bash", "| bash", "|zsh", "| zsh", "/dev/tcp/", "nc ", "ncat ", "bash -", "sh -", "base64 ", "xmrig", "stratum+", "python", "iwr ", "iex", "Invoke-", "powershell", "mshta", "rm -rf", "sudo ", "chmod ", "/etc/", "osascript", "certutil", "bitsadmin"}

// embedded looks at a text that some other text carries, as what it would be
// if it were run.
func (s *scan) embedded(file string, at int, text string) {
	if len(text) < 10 || len(text) > 1<<16 || s.depth >= maxShellDepth {
		return
	}
	s.pools(file, at, text)
	hit := false
	for _, h := range hints {
		if strings.Contains(text, h) {
			hit = true
			break
		}
	}
	if !hit {
		if d, ok := hiddenProgram(text); ok {
			s.embedded(file, at, d)
		}
		return
	}
	if powershellish(text) {
		s.powershell(file, at-1, text)
	}
	s.shellLine(file, at, text)
}

// shellLine judges one carried line of shell. Words before a command, as in a
// job or a unit, are skipped.
func (s *scan) shellLine(file string, at int, text string) {
	text = strings.ReplaceAll(text, "\x00", "UNKNOWN")
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.TrimSpace(l)
		if m := jobTime().FindString(l); m != "" {
			l = l[len(m):]
			l = strings.TrimPrefix(l, "root ")
		}
		if k, v, ok := strings.Cut(strings.TrimPrefix(l, "- "), ": "); ok && !strings.ContainsAny(k, " |$(\"'") {
			l = strings.Trim(v, `"'`)
		}
		if k, v, ok := strings.Cut(l, "="); ok && unitKey(strings.TrimSpace(k)) {
			l = v
		}
		if l == "" || len(l) > 1<<14 {
			continue
		}
		s.depth++
		before := len(s.findings)
		s.shell(file, 0, l, false)
		for i := before; i < len(s.findings); i++ {
			if s.findings[i].File == file {
				s.findings[i].Line = at
			}
		}
		s.depth--
		s.settle(before)
	}
}

var jobTime = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:@(?:reboot|daily|hourly|weekly|monthly|yearly|annually)|(?:[*\d,/-]+[ \t]+){4}[*\d,/A-Za-z-]+)[ \t]+`)
})

func unitKey(k string) bool {
	switch k {
	case "ExecStart", "ExecStartPre", "ExecStartPost", "Exec", "ExecStop", "ExecReload", "command", "RUN":
		return true
	}
	return false
}

// settle drops findings from index on that say what is said already.
func (s *scan) settle(from int) {
	kept := s.findings[:from]
	for _, f := range s.findings[from:] {
		if !slices.ContainsFunc(kept, func(o Finding) bool { return o.Rule == f.Rule && o.File == f.File && o.Line == f.Line }) {
			kept = append(kept, f)
		}
	}
	s.findings = kept
}

// hiddenProgram decodes a text that is nothing but code letters.
func hiddenProgram(text string) (string, bool) {
	if len(text) < 16 || strings.ContainsAny(text, " \t\n<>{}()'\"") {
		return "", false
	}
	d, ok := lang.Decode(text)
	if !ok || d == text {
		return "", false
	}
	return d, true
}
