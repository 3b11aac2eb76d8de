package app

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/skill"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// skillSet are the skills that are loaded now, as every turn sees them anew.
type skillSet struct {
	app *App
	// acting: one act on skills at a time.
	acting sync.Mutex

	mu    sync.Mutex
	eye   skill.Eye
	pins  string // what was seen of the file of pins
	all   []skill.Status
	told  map[string]string // refusals that the journal has
	began map[claw.SessionKey]map[string]string
}

// keepSessions bounds the sessions whose skills are remembered.
const keepSessions = 4096

// pinsStamp changes when the file of pins does; "" is no file.
func (s *skillSet) pinsStamp() string {
	st, err := os.Lstat(filepath.Join(s.app.paths.State, skill.PinsFile))
	if err != nil {
		return ""
	}
	return st.ModTime().String() + string(rune(st.Size()))
}

// look looks at the folders of every skill again. Without a pin nothing loads,
// so there is nothing to look at.
func (s *skillSet) look(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins = s.pinsStamp()
	if s.pins == "" {
		s.all = nil
		return
	}
	a := s.app
	all, err := s.eye.Look(LookingKeeper(a.paths, a.posture.config(), a.posture.now()))
	if err != nil {
		a.log.Error("no skill loads: the pins cannot be read", "error", err)
		all = nil
	}
	s.all = all
	for i := range all {
		s.tell(ctx, &all[i])
	}
}

// tell records once that a skill that was pinned does not load any more. The
// caller holds mu.
func (s *skillSet) tell(ctx context.Context, x *skill.Status) {
	if x.Pin == nil || x.Loads() {
		delete(s.told, x.Name)
		return
	}
	what := string(x.Step.Rule) + " " + x.SHA256 + " " + x.Folder
	if s.told[x.Name] == what {
		return
	}
	if s.told == nil {
		s.told = map[string]string{}
	}
	s.app.log.Error("a pinned skill does not load", "skill", x.Name, "rule", x.Step.Rule, "reason", x.Step.Reason, "hint", x.Step.Hint)
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.SkillRefused, Data: skill.Record{Name: x.Name, Version: x.Pin.Version, SHA256: x.SHA256, Folder: x.Folder,
		Rule: string(x.Step.Rule), Reason: x.Step.Reason}}); err == nil {
		s.told[x.Name] = what
	}
}

// of are the skills of an agent that load now.
func (s *skillSet) of(id claw.AgentID) []policy.SkillGrant {
	if stamp := s.pinsStamp(); stamp != s.pins {
		s.look(s.app.life)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return nil
	}
	ag, ok := s.app.posture.now().Agent(id)
	if !ok {
		return nil
	}
	copies := filepath.Join(resolveDir(s.app.paths.State), skill.CopiesDir)
	var out []policy.SkillGrant
	for i := range s.all {
		x := &s.all[i]
		if !x.Loads() || ag.Skills != nil && !slices.Contains(ag.Skills, x.Name) || !s.app.eligible(x.Front, x.Name, ag.Rules) {
			continue
		}
		out = append(out, policy.SkillGrant{Name: x.Name, SHA256: x.Pin.SHA256, Root: filepath.Join(copies, x.Pin.SHA256), Trusted: x.Pin.Trusted,
			Programs: x.Pin.Manifest.Programs, Hosts: x.Pin.Manifest.Hosts, Env: x.Pin.Manifest.Declared.Env})
	}
	return out
}

// eligible reports whether a skill is of use here: system, programs, variables
// and settings that it needs.
func (a *App) eligible(f skillscan.Front, name string, r policy.Rules) bool {
	if f.Always {
		return true
	}
	system := runtime.GOOS
	if system == "windows" {
		system = "win32"
	}
	if len(f.OS) > 0 && !slices.Contains(f.OS, system) {
		return false
	}
	has := func(program string) bool {
		_, ok := a.programs.Find(program, r.Confinement.ReadRoots)
		return ok
	}
	if slices.ContainsFunc(f.Bins, func(b string) bool { return !has(b) }) || len(f.AnyBins) > 0 && !slices.ContainsFunc(f.AnyBins, has) {
		return false
	}
	c := a.posture.config()
	key := f.Key
	if key == "" {
		key = name
	}
	entry := c.Skills.Entries.Get(key)
	for _, v := range f.Env {
		given := a.getenv(v) != "" || entry != nil && (entry.APIKey.Set || entry.Env.Get(v) != nil)
		if !given {
			return false
		}
	}
	return !slices.ContainsFunc(f.Config, func(path string) bool {
		n, err := c.Get(path)
		return err != nil || !truthy(n)
	})
}

// withSkills adds the skills that are loaded now to an agent's rules.
func (a *App) withSkills(r policy.Rules) policy.Rules {
	r.Skills = a.skills.of(r.Agent)
	r.Files.Skills = nil
	for _, g := range r.Skills {
		r.Files.Skills = append(r.Files.Skills, g.Root)
	}
	return r
}

// skillRoots are the folders of loaded skills as an agent's tree has them.
func skillRoots(r policy.Rules) (out []files.RootSpec) {
	for _, g := range r.Skills {
		if st, err := os.Lstat(g.Root); err == nil && st.IsDir() {
			out = append(out, files.RootSpec{Path: g.Root, Access: files.ReadOnly, Vouched: g.Trusted})
		}
	}
	return out
}

// strangers are the folders of loaded skills whose text is a stranger's.
func strangers(r policy.Rules) (out []string) {
	for _, g := range r.Skills {
		if !g.Trusted {
			out = append(out, g.Root)
		}
	}
	return out
}

// listed are the skills that a session is told of: those that loaded when it
// began, and still do, with the same content.
func (s *skillSet) listed(key claw.SessionKey, r policy.Rules) []agent.Skill {
	s.mu.Lock()
	defer s.mu.Unlock()
	began, ok := s.began[key]
	if !ok {
		began = map[string]string{}
		for _, g := range r.Skills {
			began[g.Name] = g.SHA256
		}
		if s.began == nil {
			s.began = map[claw.SessionKey]map[string]string{}
		}
		for old := range s.began {
			if len(s.began) < keepSessions {
				break
			}
			delete(s.began, old)
		}
		s.began[key] = began
	}
	var out []agent.Skill
	for _, g := range r.Skills {
		if began[g.Name] != g.SHA256 {
			continue
		}
		i := slices.IndexFunc(s.all, func(x skill.Status) bool { return x.Name == g.Name })
		if i < 0 || s.all[i].Front.Hidden {
			continue
		}
		x := agent.Skill{Name: g.Name, File: filepath.Join(g.Root, "SKILL.md"), Trusted: g.Trusted}
		if g.Trusted {
			x.Description = s.all[i].Front.Description
		}
		out = append(out, x)
	}
	return out
}

// forget makes a session begin anew.
func (s *skillSet) forget(key claw.SessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.began, key)
}

// truthy reads a setting as upstream does.
func truthy(n *json5.Node) bool {
	switch n.Kind {
	case json5.Bool:
		return n.Bool
	case json5.Number:
		return n.Num != 0
	case json5.String:
		return n.Text != ""
	case json5.Array, json5.Object:
		return true
	case json5.Null, json5.Invalid:
	}
	return false
}
