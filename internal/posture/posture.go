// Package posture turns a configuration into what takes effect: the rules of
// each agent, the confinement of its runs, the exposure of the gateway. What
// it does not understand takes the strictest value.
package posture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Owner tells whose defaults hold where the configuration is silent. The zero
// value is ours: the guide's hardened baseline.
type Owner uint8

// Owners of a home.
const (
	Ours     Owner = iota
	Upstream       // exec unset is full/off, the profile unset is full (DESIGN §8)
)

// World is what a configuration is seen from. All paths are absolute.
type World struct {
	Owner Owner
	// Home replaces "~"; State is the state directory.
	Home, State string
	// Config is the configuration file, closed to every agent.
	Config string
	// Resolve follows links of a folder; nil leaves paths as they are.
	Resolve func(string) string
	// Port replaces gateway.port when not 0 (OPENCLAW_GATEWAY_PORT).
	Port int
	// Credentials lists whom the configuration's keys are sent to; nil means
	// that nobody looks.
	Credentials func(*config.Config) []Credential
	// Surface limits runs to the levels that the machine can hold; empty
	// means that nobody measured it.
}

// Posture is what takes effect. The zero value reaches nothing.
type Posture struct {
	// Generation is a hash of everything below it; it changes with any rule.
	Generation string  `json:"generation"`
	Agents     []Agent `json:"agents"`
	Gateway    Gateway `json:"gateway"`
	// Skills are those that may be installed and loaded.
	Skills policy.SkillRules `json:"skills,omitzero"`
	Notes  []Note            `json:"notes,omitempty"`
	// Credentials are the keys and the hosts that they may be sent to.
	Credentials []Credential `json:"credentials,omitempty"`
	// Bindings are the places where secrets may be put into requests of
	// programs, which see placeholders only.
	Bindings []policy.Binding `json:"bindings,omitempty"`
	// Inbound is who may write through channels, Owners the ids there that
	// count as the operator, "channel:id".
	Inbound []Inbound `json:"inbound,omitempty"`
	Owners  []string  `json:"owners,omitempty"`
}

// Agent is one agent as it takes effect. The first one answers by default.
type Agent struct {
	ID        claw.AgentID    `json:"id"`
	Name      string          `json:"name,omitempty"`
	Emoji     string          `json:"emoji,omitempty"`
	Workspace string          `json:"workspace"`
	Models    []claw.ModelRef `json:"models,omitempty"` // in the order tried
	Rules     policy.Rules    `json:"rules"`
	// Context bounds what models are sent, in tokens; 0 is the model's own.
	ContextTokens int `json:"contextTokens,omitempty"`
	// FileChars and TotalChars bound injected workspace files.
	FileChars  int   `json:"bootstrapMaxChars"`
	TotalChars int   `json:"bootstrapTotalMaxChars"`
	TimeoutMs  int64 `json:"timeoutMs"`
	// Skills that it sees; nil is all that load.
	Skills []string `json:"skills"`
}

// Note is something a person should know of how a key took effect.
type Note struct {
	Severity claw.Severity  `json:"severity"`
	ID       string         `json:"id"`
	Text     string         `json:"text"`
	Where    claw.ConfigRef `json:"where,omitzero"`
}

// Of turns a configuration into what takes effect. It is total: a value that
// was not understood becomes the strictest one.
func Of(c *config.Config, w World) Posture {
	b := builder{c: c, w: w}
	if b.w.Resolve == nil {
		b.w.Resolve = func(s string) string { return s }
	}
	p := Posture{Gateway: b.gateway(), Skills: b.skills()}
	for _, id := range b.agentIDs() {
		p.Agents = append(p.Agents, b.agent(id))
	}
	for i := range p.Agents {
		b.separate(p.Agents, i)
	}
	p.Bindings = b.bindings()
	p.Inbound, p.Owners = InboundOf(c), config.Strings(c.Commands.OwnerFrom)
	p.Notes = b.notes
	if w.Credentials != nil {
		p.Credentials = w.Credentials(c)
	}
	return p.seal()
}

// seal computes the generation and writes it into every rule set.
func (p Posture) seal() Posture {
	data, err := json.Marshal(p)
	if err != nil {
		panic("posture: cannot encode: " + err.Error())
	}
	sum := sha256.Sum256(data)
	p.Generation = hex.EncodeToString(sum[:12])
	for i := range p.Agents {
		p.Agents[i].Rules.Generation = p.Generation
	}
	return p
}

// Agent finds an agent; ok is false for a name that nothing configures.
func (p Posture) Agent(id claw.AgentID) (a Agent, ok bool) {
	for i := range p.Agents {
		if p.Agents[i].ID == id {
			return p.Agents[i], true
		}
	}
	return Agent{}, false
}

// Default is the agent that answers when nothing names one.
func (p Posture) Default() claw.AgentID {
	if len(p.Agents) == 0 {
		return ""
	}
	return p.Agents[0].ID
}

// builder carries the configuration while a posture is made.
type builder struct {
	c     *config.Config
	w     World
	notes []Note
}

func (b *builder) note(s claw.Severity, id, text string, where claw.ConfigRef) {
	b.notes = append(b.notes, Note{Severity: s, ID: id, Text: text, Where: where})
}

// block finds an agent's own block, in either of upstream's forms.
func (b *builder) block(id claw.AgentID) *config.Agent {
	for i := range b.c.Agents.List {
		if claw.AgentID(b.c.Agents.List[i].ID.V) == id {
			return &b.c.Agents.List[i]
		}
	}
	return b.c.Agents.Entries.Get(string(id))
}

// agentIDs are all agents that something configures, the default one first:
// the lists, and those that only tools.agents names (the guide's form).
func (b *builder) agentIDs() []claw.AgentID {
	var ids []claw.AgentID
	first := claw.AgentID("")
	add := func(id string, isDefault bool) {
		a := claw.AgentID(id)
		if a == "" || slices.Contains(ids, a) {
			return
		}
		ids = append(ids, a)
		if isDefault && first == "" {
			first = a
		}
	}
	for i := range b.c.Agents.List {
		a := &b.c.Agents.List[i]
		add(a.ID.V, a.Default.Or(false))
	}
	for i := range b.c.Agents.Entries {
		e := &b.c.Agents.Entries[i]
		add(e.Key, e.V.Default.Or(false))
	}
	if len(ids) == 0 {
		add("main", true)
	}
	for _, e := range b.c.Tools.Agents {
		add(e.Key, false)
	}
	if first == "" {
		first = ids[0]
	}
	i := slices.Index(ids, first)
	ids = slices.Insert(slices.Delete(ids, i, i+1), 0, first)
	return ids
}

func (b *builder) agent(id claw.AgentID) Agent {
	own := b.block(id)
	if own == nil {
		own = &config.Agent{}
	}
	d := &b.c.Agents.Defaults.AgentSettings
	a := Agent{ID: id, Name: firstOf(own.Identity.Name, own.Name), Emoji: own.Identity.Emoji.V}
	a.Workspace = b.workspace(id, own)
	a.Models = b.models(own)
	a.ContextTokens = either(own.ContextTok, d.ContextTok, 0)
	a.FileChars = either(own.BootChars, d.BootChars, 20000)
	a.TotalChars = either(own.BootTotal, d.BootTotal, 150000)
	a.TimeoutMs = millis(either(own.Timeout, d.Timeout, config.Duration(10*60*1e9)))
	a.Skills = b.agentSkills(own)
	a.Rules = b.rules(id, own, a.Workspace)
	return a
}

// models of an agent in the order they are tried; empty means the operator.
func (b *builder) models(own *config.Agent) []claw.ModelRef {
	m := own.Model
	if !m.Primary.Set {
		m = b.c.Agents.Defaults.Model
	}
	var out []claw.ModelRef
	if m.Primary.Set && m.Primary.V != "" {
		out = append(out, claw.ModelRef(m.Primary.V))
	}
	for _, f := range config.Strings(m.Fallbacks) {
		out = append(out, claw.ModelRef(f))
	}
	return out
}

// workspace of an agent: its own key, else beneath the default's. A folder
// that would open the state directory or the whole machine is refused, which
// leaves the agent without files.
func (b *builder) workspace(id claw.AgentID, own *config.Agent) string {
	def := b.c.Agents.Defaults.Workspace
	key, ref := own.Workspace, own.Workspace.Ref
	var dir string
	switch {
	case key.Set:
		dir = b.expand(key.V)
	case key.Invalid:
		dir = ""
	case def.Invalid:
		dir, ref = "", def.Ref
	case def.Set:
		dir, ref = b.expand(def.V), def.Ref
		if id != b.agentIDs()[0] {
			dir = path.Join(dir, string(id))
		}
	case id == b.agentIDs()[0]:
		dir = path.Join(b.w.State, "workspace")
	default:
		dir = path.Join(b.w.State, "workspace-"+string(id))
	}
	if !path.IsAbs(dir) {
		b.note(claw.Critical, "agents.workspace_invalid", "the workspace of agent "+string(id)+" is no absolute path; it gets no files", ref)
		return ""
	}
	dir = b.w.Resolve(path.Clean(dir))
	for _, closed := range []string{b.w.State, b.w.Home, path.Dir(b.w.Config), "/etc", "/usr"} {
		if closed != "" && covers(dir, b.w.Resolve(closed)) {
			b.note(claw.Critical, "agents.workspace_too_wide", "the workspace of agent "+string(id)+" holds "+closed+"; it gets no files", ref)
			return ""
		}
	}
	return dir
}

// covers reports whether inner is dir or lies beneath it.
func covers(dir, inner string) bool {
	return dir == "/" || inner == dir || strings.HasPrefix(inner, dir+"/")
}

func (b *builder) expand(p string) string {
	if p == "~" || strings.HasPrefix(p, "~/") {
		return path.Join(b.w.Home, p[1:])
	}
	return p
}

// separate keeps an agent out of the workspaces of the others that lie beneath
// its own.
func (b *builder) separate(all []Agent, i int) {
	for j := range all {
		if i == j || all[j].Workspace == "" || all[i].Workspace == "" || all[i].Workspace == all[j].Workspace {
			continue
		}
		if covers(all[i].Workspace, all[j].Workspace) {
			r := &all[i].Rules
			r.Files.Always = append(r.Files.Always, policy.PathPattern{Pattern: all[j].Workspace})
			r.Confinement.Masked = append(r.Confinement.Masked, all[j].Workspace)
		}
	}
}

func firstOf(vs ...config.Value[string]) string {
	for _, v := range vs {
		if v.Set {
			return v.V
		}
	}
	return ""
}

func either[T any](own, def config.Value[T], otherwise T) T {
	if own.Set {
		return own.V
	}
	return def.Or(otherwise)
}

func millis(d config.Duration) int64 { return int64(d) / 1e6 }
