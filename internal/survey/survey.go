// Package survey looks at a home and its machine for the audit. It opens no
// socket, starts no process and writes nothing.
package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Limits of one survey.
const (
	maxEntries  = 200_000   // directory entries
	maxText     = 256 << 10 // bytes of a file that is read for credentials
	maxDocument = 256 << 10
	maxDepth    = 12
)

// Where says what to look at. Paths are absolute.
type Where struct {
	Home   audit.Home
	By     string
	Now    time.Time
	Config []string // the configuration, then what it includes
	// Workspaces of the agents.
	Workspaces []string
	// Further files that the configuration names, by role.
	Further map[audit.Role][]string
	RunUID  int
	// Environ lists variables as NAME=value.
	Environ []string
	// Redactor finds credentials in text.
	Redactor *filter.Redactor
	// Processes: look for gateways that run, of any user.
	Processes bool
	// Root stands for "/" where the machine itself is looked at; empty is "/".
	Root string
	// Limit is how long the look may take, 0 for DefaultLimit.
	Limit time.Duration
	// Compose are container deployments to look at; empty looks in the usual
	// places.
	Compose []string
}

// DefaultLimit is how long a look may take. The largest homes need seconds.
const DefaultLimit = 2 * time.Minute

// Take looks. It ends when its time is over, whatever the home is made of: what
// was seen by then counts, and the snapshot says that it is incomplete.
func Take(w Where) audit.Snapshot {
	limit := w.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	s := &survey{where: w, seen: map[string]bool{}, until: time.Now().Add(limit)}
	s.out = audit.Snapshot{Format: audit.SnapshotFormat, TakenAt: w.Now, By: w.By, Home: w.Home, System: system(w.RunUID)}
	base := s.out
	return within(limit+limit/4, s.take, func(why string) audit.Snapshot { // past every place that looks at the clock
		base.Incomplete = []string{why}
		return base
	})
}

// within is what f gives, or broken when f crashes or takes longer: a file
// system may never answer, and a call to it cannot be taken back.
func within(limit time.Duration, f func() audit.Snapshot, broken func(why string) audit.Snapshot) audit.Snapshot {
	type ended struct {
		out   audit.Snapshot
		fault any
	}
	done := make(chan ended, 1)
	go func() {
		var e ended
		defer func() {
			e.fault = recover()
			done <- e
		}()
		e.out = f()
	}()
	hang := time.NewTimer(limit)
	defer hang.Stop()
	select {
	case e := <-done:
		if e.fault != nil {
			return broken(fmt.Sprintf("the look at the home crashed: %v", e.fault))
		}
		return e.out
	case <-hang.C:
		return broken(fmt.Sprintf("the file system did not answer within %s", limit))
	}
}

func (s *survey) take() audit.Snapshot {
	w := s.where
	s.above(w.Home.State)
	for i, p := range w.Config {
		role := audit.RoleInclude
		if i == 0 {
			role = audit.RoleConfig
		}
		s.look(p, role)
	}
	s.state()
	for _, p := range w.Workspaces {
		s.workspace(p)
	}
	for _, role := range slices.Sorted(keys(w.Further)) {
		for _, p := range w.Further[role] {
			s.look(p, role)
		}
	}
	s.units()
	s.interfaces()
	s.firewall()
	s.compose()
	s.environment()
	if w.Processes {
		s.out.Gateways = gateways()
	}
	return s.out
}

// late reports that the time is over, and notes where.
func (s *survey) late(at string) bool {
	if len(s.out.Incomplete) == 0 && !time.Now().Before(s.until) {
		s.out.Incomplete = append(s.out.Incomplete, "the time was over at "+s.where.Home.Short(at))
	}
	return len(s.out.Incomplete) > 0
}

func keys(m map[audit.Role][]string) func(func(audit.Role) bool) {
	return func(yield func(audit.Role) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type survey struct {
	where   Where
	out     audit.Snapshot
	seen    map[string]bool
	entries int
	until   time.Time
}

func system(runUID int) audit.System {
	s := audit.System{OS: runtime.GOOS, Arch: runtime.GOARCH, UID: os.Getuid(), GID: os.Getgid(), RunUID: runUID}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		s.Kernel = strings.TrimSpace(string(b))
	}
	for _, p := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Lstat(p); err == nil {
			s.Container = true
		}
	}
	return s
}

// look notes one entry, once; the file is told.
func (s *survey) look(path string, role audit.Role) *audit.File {
	if s.seen[path] {
		return nil
	}
	s.seen[path] = true
	f := audit.File{Path: path, Role: role}
	info, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		f.Type = audit.Absent
	case err != nil:
		f.Err = cause(err)
	default:
		s.describe(&f, info)
	}
	s.out.Files = append(s.out.Files, f)
	return &s.out.Files[len(s.out.Files)-1]
}

// describe fills f from what the system says; of a link, from what it leads to.
func (s *survey) describe(f *audit.File, info fs.FileInfo) {
	f.Type = kind(info.Mode())
	if f.Type == audit.Symlink {
		target, err := filepath.EvalSymlinks(f.Path)
		if err != nil {
			f.Err = "a link that leads nowhere: " + cause(err)
			return
		}
		f.Target = target
		if info, err = os.Lstat(target); err != nil {
			f.Err = cause(err)
			return
		}
	}
	f.Mode = mode(info.Mode())
	f.Size, f.Modified = info.Size(), info.ModTime()
	owner(f, info)
	f.Closed = f.Type != audit.Dir && f.Type != audit.Irregular && info.Mode().IsRegular() && closed(f, s.out.System.UID)
	f.ACL = accessList(f.Path, f.UID)
}

func kind(m fs.FileMode) audit.FileType {
	switch {
	case m.IsRegular():
		return audit.Regular
	case m.IsDir():
		return audit.Dir
	case m&fs.ModeSymlink != 0:
		return audit.Symlink
	}
	return audit.Irregular
}

// mode is what chmod takes.
func mode(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		out |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		out |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		out |= 0o1000
	}
	return out
}

func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// above notes the user's directory and every directory above the state, and a
// git work tree at or above it.
func (s *survey) above(state string) {
	if s.where.Home.Dir != "" {
		s.look(s.where.Home.Dir, audit.RoleUserDir)
	}
	for dir := state; ; dir = filepath.Dir(dir) {
		if dir != state {
			s.look(dir, audit.RoleParent)
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			s.look(filepath.Join(dir, ".git"), audit.RoleOther)
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

// state walks the state directory.
func (s *survey) state() {
	root := s.look(s.where.Home.State, audit.RoleState)
	if root == nil || root.Type == audit.Absent || root.Err != "" {
		return
	}
	s.walk(s.where.Home.State, "", 0)
}

// walk looks at everything beneath a directory of the state; links to
// directories are noted and not followed.
func (s *survey) walk(dir, rel string, depth int) {
	if s.late(dir) {
		return
	}
	if depth > maxDepth || s.entries > maxEntries {
		s.skip(dir, "too deep, or too many entries")
		return
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		s.fail(dir, err)
		return
	}
	for _, e := range list {
		if s.entries++; s.entries%64 == 0 && s.late(dir) {
			return
		}
		path, name := filepath.Join(dir, e.Name()), filepath.ToSlash(filepath.Join(rel, e.Name()))
		if slices.Contains(s.where.Workspaces, path) {
			continue
		}
		r := rule(name, e.IsDir())
		f := s.look(path, r.role)
		if f == nil {
			continue
		}
		s.text(f, r)
		if e.IsDir() && !r.stop {
			s.walk(path, name, depth+1)
		}
	}
}

// fail notes that a directory could not be listed.
func (s *survey) fail(dir string, err error) {
	for i := range s.out.Files {
		if s.out.Files[i].Path == dir {
			s.out.Files[i].Err = cause(err)
		}
	}
}

func (s *survey) skip(path, why string) {
	s.out.Skipped = append(s.out.Skipped, audit.Skip{What: s.where.Home.Short(path), Why: why})
}

// text reads the start of a file for what its role asks: a document, or
// credentials.
func (s *survey) text(f *audit.File, r placed) {
	if f.Type != audit.Regular && f.Type != audit.Symlink || f.Err != "" || !r.document && !r.scan {
		return
	}
	if r.document && f.Size > maxDocument {
		s.skip(f.Path, "it is too large to be read")
		return
	}
	b, err := read(f.Path, maxText)
	if err != nil {
		f.Err = cause(err)
		return
	}
	if r.document {
		s.document(f.Path, b)
	}
	f.Partly = f.Size > maxText
	if r.scan {
		s.credentials(f, string(b))
	}
}

// credentials notes what the redactor would mask.
func (s *survey) credentials(f *audit.File, text string) {
	if strings.ContainsRune(text, 0) {
		return // no text
	}
	for _, hit := range s.where.Redactor.Find(text) {
		line := 1 + strings.Count(text[:min(hit.Start, len(text))], "\n")
		f.Hits = append(f.Hits, audit.Hit{Rule: string(hit.Rule), Line: line})
		if len(f.Hits) == 20 {
			return
		}
	}
}

// steering are the files of a workspace that agents take instructions from.
var steering = []string{"AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md", "HEARTBEAT.md", "BOOTSTRAP.md", "BOOT.md", "CLAUDE.md", "GEMINI.md", ".cursorrules", "MEMORY.md"}

// workspace looks at an agent's files: the directory, its instructions, its
// skills, small text at its top.
func (s *survey) workspace(dir string) {
	f := s.look(dir, audit.RoleWorkspace)
	if f == nil || f.Type == audit.Absent || f.Err != "" {
		return
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		s.fail(dir, err)
		return
	}
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Name() == "skills":
			s.skills(path)
		case e.Name() == "memory" && e.IsDir():
			s.tree(path, audit.RoleMemory)
		case slices.Contains(steering, e.Name()):
			s.text(s.look(path, audit.RoleSteering), placed{scan: true})
		case !e.IsDir() || filepath.Ext(path) == ".md":
			if f := s.look(path, audit.RoleText); f != nil {
				s.text(f, placed{scan: true})
			}
		}
	}
}

func (s *survey) skills(dir string) {
	if _, err := os.Lstat(dir); err == nil {
		s.tree(dir, audit.RoleSkill)
	}
}

// tree notes everything beneath a directory with one role.
func (s *survey) tree(dir string, role audit.Role) {
	if s.look(dir, role) == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if path == dir {
			if err != nil {
				s.fail(dir, err)
			}
			return nil
		}
		s.entries++
		if s.entries%64 == 0 && s.late(path) {
			return fs.SkipAll
		}
		if s.entries > maxEntries {
			s.skip(dir, "too many entries")
			return fs.SkipAll
		}
		if err != nil {
			s.fail(path, err)
			return fs.SkipDir
		}
		if f := s.look(path, role); f != nil && !e.IsDir() {
			s.text(f, placed{scan: true})
		}
		return nil
	})
}

// environment notes variables that matter, never a value.
func (s *survey) environment() {
	for _, kv := range s.where.Environ {
		name, _, _ := strings.Cut(kv, "=")
		if audit.Dangerous(name) || audit.SecretVariables(name) {
			s.out.Env = append(s.out.Env, audit.EnvVar{Name: name, Of: "this"})
		}
	}
}
