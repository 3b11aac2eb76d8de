package survey

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// maxUnit bounds what is read of a service file.
const maxUnit = 256 << 10

// unitDirs are where a manager of services looks, what wins first (systemd.unit(5)).
func (s *survey) unitDirs(user bool) []string {
	if !user {
		return []string{s.root("/etc/systemd/system"), s.root("/run/systemd/system"), s.root("/usr/local/lib/systemd/system"), s.root("/usr/lib/systemd/system")}
	}
	var out []string
	if h := s.where.Home.Dir; h != "" {
		out = append(out, filepath.Join(h, ".config/systemd/user"))
	}
	out = append(out, s.root("/etc/systemd/user"), s.root("/run/systemd/user"))
	if h := s.where.Home.Dir; h != "" {
		out = append(out, filepath.Join(h, ".local/share/systemd/user"))
	}
	return append(out, s.root("/usr/local/lib/systemd/user"), s.root("/usr/lib/systemd/user"))
}

// units looks at service files of the user and the system.
func (s *survey) units() {
	for _, user := range []bool{true, false} {
		dirs := s.unitDirs(user)
		var known []string
		for _, d := range dirs {
			for _, p := range s.named(d, "openclaw*.service", "clawdbot*.service", "moltbot*.service") {
				if name := filepath.Base(p); !slices.Contains(known, name) {
					known = append(known, name)
					s.unit(p, user, dirs)
				}
			}
		}
	}
	agents := []string{s.root("/Library/LaunchDaemons")}
	if h := s.where.Home.Dir; h != "" {
		agents = append(agents, filepath.Join(h, "Library/LaunchAgents"))
	}
	for _, d := range agents {
		for _, p := range s.named(d, "*openclaw*.plist") {
			s.look(p, audit.RoleUnit)
		}
	}
}

// named lists entries of a directory by patterns.
func (s *survey) named(dir string, patterns ...string) (out []string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range list {
		if slices.ContainsFunc(patterns, func(p string) bool { ok, err := filepath.Match(p, e.Name()); return err == nil && ok }) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out
}

// unit reads a service file with its drop-ins.
func (s *survey) unit(p string, user bool, dirs []string) {
	f := s.look(p, audit.RoleUnit)
	if f == nil || f.Target == "/dev/null" || f.Type == audit.Symlink && f.Size == 0 {
		return // seen, or masked: it is never started
	}
	u := unitText{Unit: audit.Unit{Name: filepath.Base(p), Path: p, User: user, Settings: map[string]audit.UnitSetting{}}}
	files := []string{p}
	var dropins []string
	for _, d := range dirs {
		for _, c := range s.named(filepath.Join(d, u.Name+".d"), "*.conf") {
			if !slices.ContainsFunc(dropins, func(o string) bool { return filepath.Base(o) == filepath.Base(c) }) {
				dropins = append(dropins, c)
			}
		}
	}
	slices.SortFunc(dropins, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	for _, file := range append(files, dropins...) {
		if file != p {
			s.look(file, audit.RoleUnit)
		}
		b, err := read(file, maxUnit)
		if err != nil {
			u.Err = filepath.Base(file) + ": " + cause(err)
			break
		}
		u.add(file, string(b))
	}
	if u.Err == "" && !u.gateway() {
		return
	}
	for _, e := range u.envFiles {
		if e = s.unitPath(e); e != "" {
			if f := s.look(e, audit.RoleEnv); f != nil && !f.Closed {
				s.text(f, placed{scan: true})
			}
		}
	}
	s.out.Units = append(s.out.Units, u.Unit)
}

// unitPath is where an EnvironmentFile= lies; "" when that depends on what
// only systemd knows.
func (s *survey) unitPath(p string) string {
	p = strings.TrimPrefix(p, "-")
	p = strings.ReplaceAll(p, "%h", s.where.Home.Dir)
	if strings.Contains(p, "%") || !filepath.IsAbs(p) {
		return ""
	}
	return filepath.Clean(p)
}

// unitText is a unit while it is read.
type unitText struct {
	audit.Unit
	envFiles []string
	start    []string // ExecStart
}

// add reads one file: sections, comments, lines that go on, lists that an
// empty value clears (systemd.syntax(7)).
func (u *unitText) add(file, text string) {
	section, held, first := "", "", 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
			continue // within a line that goes on, too
		}
		if held == "" {
			first = i + 1
		}
		if more, ok := strings.CutSuffix(line, `\`); ok {
			held += more + " "
			continue
		}
		whole := strings.TrimSpace(held + line)
		held = ""
		if strings.HasPrefix(whole, "[") {
			section = strings.Trim(whole, "[]")
			continue
		}
		if key, value, ok := strings.Cut(whole, "="); ok && section == "Service" {
			u.set(strings.TrimSpace(key), audit.UnitSetting{Value: strings.TrimSpace(value), File: file, Line: first})
		}
	}
}

func (u *unitText) set(key string, v audit.UnitSetting) {
	switch key {
	case "Environment":
		if v.Value == "" {
			u.Secrets = slices.DeleteFunc(u.Secrets, func(x audit.UnitSetting) bool { return !strings.HasPrefix(x.Value, "--") })
			return
		}
		for _, word := range unitWords(v.Value) {
			name, value, ok := strings.Cut(word, "=")
			if ok && value != "" && audit.SecretVariables(name) && !strings.HasSuffix(name, "_FILE") && !strings.HasPrefix(value, "%d/") {
				u.Secrets = append(u.Secrets, audit.UnitSetting{Value: name, File: v.File, Line: v.Line})
			}
		}
	case "EnvironmentFile":
		if v.Value == "" {
			u.envFiles = nil
			return
		}
		u.envFiles = append(u.envFiles, v.Value)
	case "LoadCredential", "LoadCredentialEncrypted", "SetCredentialEncrypted":
		if name, _, _ := strings.Cut(v.Value, ":"); name != "" {
			u.Credentials = append(u.Credentials, name)
		}
	case "ExecStart":
		u.start = unitWords(strings.TrimLeft(v.Value, "@-:+!"))
		u.Secrets = slices.DeleteFunc(u.Secrets, func(x audit.UnitSetting) bool { return strings.HasPrefix(x.Value, "--") })
		for _, w := range u.start {
			if name, _, _ := strings.Cut(w, "="); name == "--token" || name == "--password" {
				u.Secrets = append(u.Secrets, audit.UnitSetting{Value: name, File: v.File, Line: v.Line})
			}
		}
	default:
		if !slices.Contains(audit.UnitKeys(), key) {
			return
		}
		if v.Value == "" {
			delete(u.Settings, key)
			return
		}
		u.Settings[key] = v
	}
}

// gateway reports whether the unit starts a gateway; of a script that cannot
// be told, so a service counts and a job that ends does not.
func (u *unitText) gateway() bool {
	return isGateway(u.start) || u.Settings["Type"].Value != "oneshot" && len(u.start) > 0 && !strings.Contains(filepath.Base(u.start[0]), "openclaw")
}

// unitWords parts a value into words as systemd does: blanks part, quotes
// hold, a backslash takes the next sign as it is.
func unitWords(s string) []string {
	var out []string
	var word strings.Builder
	var quote byte
	open := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			open = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == ' ' || c == '\t':
			if open {
				out = append(out, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		out = append(out, word.String())
	}
	return out
}

// root places a path of the machine beneath Where.Root.
func (s *survey) root(p string) string {
	if s.where.Root == "" {
		return p
	}
	return filepath.Join(s.where.Root, p)
}

// present reports whether something is there at all.
func present(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}
