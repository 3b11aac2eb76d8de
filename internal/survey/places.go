package survey

import (
	"encoding/json"
	"io"
	"os"
	"path"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// placed is what a place in the state directory means.
type placed struct {
	role audit.Role
	// document: JSON without credentials that checks read; scan: text in
	// which credentials are looked for; stop: not walked into.
	document, scan, stop bool
}

// places are patterns of path.Match over the path beneath the state
// directory, first match wins. A pattern with a trailing "/**" covers all
// below.
var places = []struct {
	pattern string
	dir     bool
	placed
}{
	{"openclaw.json", false, placed{role: audit.RoleConfig}},
	{"run", true, placed{role: audit.RoleOther, stop: true}},
	{"sandboxes", true, placed{role: audit.RoleOther, stop: true}},
	{"cache", true, placed{role: audit.RoleOther, stop: true}},
	{"browser", true, placed{role: audit.RoleOther, stop: true}},
	{"home.json", false, placed{role: audit.RoleOther}},
	{"openclaw.json*", false, placed{role: audit.RoleBackup, scan: true}},
	{"*.bak*", false, placed{role: audit.RoleBackup, scan: true}},
	{"config-backups/**", false, placed{role: audit.RoleBackup, scan: true}},
	{".env*", false, placed{role: audit.RoleEnv, scan: true}},
	{"*.env", false, placed{role: audit.RoleEnv, scan: true}},
	{"secrets.json", false, placed{role: audit.RoleSecrets}},
	{"vault.age", false, placed{role: audit.RoleSecrets}},
	{"vault.key*", false, placed{role: audit.RoleIdentity}},
	{"exec-approvals.json", false, placed{role: audit.RoleApprovals, document: true}},
	{"credentials", true, placed{role: audit.RoleCredsDir}},
	{"credentials/**", true, placed{role: audit.RoleCredsDir}},
	{"credentials/*-allowFrom.json", false, placed{role: audit.RoleCreds, document: true}},
	{"credentials/**", false, placed{role: audit.RoleCreds}},
	{"oauth/**", false, placed{role: audit.RoleCreds}},
	{"agents/*", true, placed{role: audit.RoleAgentDir}},
	{"agents/*/agent", true, placed{role: audit.RoleAgentDir}},
	{"agents/*/agent/auth*", false, placed{role: audit.RoleAuthProfile}},
	{"agents/*/agent/*.sqlite*", false, placed{role: audit.RoleAuthProfile}},
	{"agents/*/sessions", true, placed{role: audit.RoleSessionsDir}},
	{"agents/*/sessions/sessions.*", false, placed{role: audit.RoleSessions}},
	{"agents/*/sessions/**", false, placed{role: audit.RoleTranscript}},
	{"logs", true, placed{role: audit.RoleLogsDir}},
	{"logs/audit*", false, placed{role: audit.RoleJournal}},
	{"logs/**", false, placed{role: audit.RoleLog}},
	{"identity/**", false, placed{role: audit.RoleIdentity}},
	{"devices/**", false, placed{role: audit.RoleDevices}},
	{"nodes/**", false, placed{role: audit.RoleDevices}},
	{"cron/**", false, placed{role: audit.RoleCron}},
	{"hooks/*/package.json", false, placed{role: audit.RoleHook, document: true}},
	{"hooks/**", false, placed{role: audit.RoleHook}},
	{"extensions/*/package.json", false, placed{role: audit.RoleExtension, document: true}},
	{"extensions/*/node_modules", true, placed{role: audit.RoleExtension, stop: true}},
	{"extensions/**", false, placed{role: audit.RoleExtension}},
	{"extensions/**", true, placed{role: audit.RoleExtension}},
	{"extensions", true, placed{role: audit.RoleExtension}},
	{"hooks/*/node_modules", true, placed{role: audit.RoleHook, stop: true}},
	{"hooks/**", true, placed{role: audit.RoleHook}},
	{"hooks", true, placed{role: audit.RoleHook}},
	{"skills/**", true, placed{role: audit.RoleSkill}},
	{"skills", true, placed{role: audit.RoleSkill}},
	{"skills/**", false, placed{role: audit.RoleSkill, scan: true}},
	{"memory/**", false, placed{role: audit.RoleMemory}},
	{"state/**", false, placed{role: audit.RoleAuthProfile}},
}

// rule is the first place that covers a path.
func rule(name string, dir bool) placed {
	for _, p := range places {
		if p.dir != dir {
			continue
		}
		if below, ok := strings.CutSuffix(p.pattern, "/**"); ok {
			if covers(below, name) {
				return p.placed
			}
			continue
		}
		if ok, err := path.Match(p.pattern, name); err == nil && ok {
			return p.placed
		}
	}
	if dir { // a directory in place of a file keeps the file's role
		for _, p := range places {
			if ok, err := path.Match(p.pattern, name); err == nil && ok && !p.dir && !strings.HasSuffix(p.pattern, "/**") {
				return placed{role: p.role, stop: true}
			}
		}
	}
	return placed{role: audit.RoleOther}
}

// covers reports whether name lies below a place that pattern matches.
func covers(pattern, name string) bool {
	depth := strings.Count(pattern, "/") + 1
	parts := strings.Split(name, "/")
	if len(parts) <= depth {
		return false
	}
	ok, err := path.Match(pattern, strings.Join(parts[:depth], "/"))
	return err == nil && ok
}

// document keeps JSON that parses.
func (s *survey) document(p string, b []byte) {
	if !json.Valid(b) {
		s.skip(p, "it is no JSON")
		return
	}
	if s.out.Documents == nil {
		s.out.Documents = map[string]json.RawMessage{}
	}
	s.out.Documents[p] = append(json.RawMessage(nil), b...)
}

// read returns a regular file's content. It never waits for a pipe.
func read(p string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(p, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, os.ErrInvalid
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
