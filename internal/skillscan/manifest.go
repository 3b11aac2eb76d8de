package skillscan

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Manifest is the least that a skill needs, by what its files do, beside what
// it says that it needs.
type Manifest struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version,omitempty"`
	Homepage    string `json:"homepage,omitempty"`
	// Programs, Hosts, Env and Paths are used.
	Programs []string `json:"programs"`
	Hosts    []string `json:"hosts"`
	Env      []string `json:"env"`
	Paths    []string `json:"paths"`
	// Declared are what SKILL.md names.
	Declared Declared `json:"declared"`
	programs, hosts,
	env, paths map[string]bool
	homeHosts map[string]bool
}

// Declared is what a skill says that it needs.
type Declared struct {
	Programs []string `json:"programs"`
	Env      []string `json:"env"`
	Tools    []string `json:"tools"`
	Always   bool     `json:"always"`
}

func newManifest() *Manifest {
	return &Manifest{programs: map[string]bool{}, hosts: map[string]bool{}, env: map[string]bool{}, paths: map[string]bool{}, homeHosts: map[string]bool{}}
}

func put(m map[string]bool, k string) {
	if k != "" && len(k) < 200 && len(m) < 200 {
		m[k] = true
	}
}

func (m *Manifest) program(c *cmdline.Command, depth int) {
	if depth <= 2 && c.Program != "" && !c.Steering && !strings.ContainsAny(c.Program, "$\x00 ") && c.Role != cmdline.RoleFunction {
		put(m.programs, path.Base(c.Program))
	}
}

func (m *Manifest) host(h string)     { put(m.hosts, h) }
func (m *Manifest) path(p string)     { put(m.paths, strings.ReplaceAll(p, "\x00", "*")) }
func (m *Manifest) declares(h string) { put(m.homeHosts, h) }

func (s *scan) sees(name string) {
	if name != "" && name == strings.ToUpper(name) && len(name) > 2 && name != "HOME" && name != "PATH" && name != "USER" && name != "PWD" {
		put(s.manifest.env, name)
	}
}

// done is the manifest as values.
func (m *Manifest) done(d declared) Manifest {
	env := slices.Clone(d.env)
	slices.Sort(env)
	out := Manifest{
		Name: d.name, Description: filter.Visible(d.description), Version: d.version, Homepage: d.homepage,
		Programs: sorted(m.programs), Hosts: sorted(m.hosts), Env: sorted(m.env), Paths: sorted(m.paths),
		Declared: Declared{Programs: orEmpty(d.bins), Env: orEmpty(slices.Compact(env)), Tools: orEmpty(d.tools), Always: d.always},
	}
	return out
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func sorted(m map[string]bool) []string {
	out := slices.AppendSeq([]string{}, maps.Keys(m))
	slices.Sort(out)
	return out
}

// coherence judges what only the whole skill shows: a credential that goes
// where nothing says that it goes, a hook that starts a bad file.
func (s *scan) coherence() {
	for _, a := range s.sends {
		switch {
		case a.lookup && (credentialName(a.name) || a.name == ""):
			s.found("flow.dns", a.file, a.line, a.evidence)
		case a.name == "":
			s.found("flow.variable", a.file, a.line, a.evidence)
		case !slices.Contains(s.decl.env, a.name) && foreign(a.name):
			s.found("flow.variable", a.file, a.line, a.evidence)
		case !slices.Contains(s.decl.env, a.name):
			s.found("flow.undeclared", a.file, a.line, a.evidence)
		case a.plain:
			s.found("flow.plain", a.file, a.line, a.evidence)
		}
	}
	if slices.ContainsFunc(s.findings, func(f Finding) bool { return f.Rule == "persist.start" }) {
		for _, e := range s.enables {
			s.found("persist.start", e.File, e.Line, e.Evidence)
		}
	}
	for _, h := range s.hooks {
		if slices.ContainsFunc(s.findings, func(f Finding) bool { return f.File == h.starts && f.Severity >= claw.Warn }) {
			s.found("supply.hook", h.file, h.line, h.evidence)
		}
	}
}

// foreign names credentials of services that a skill has to name to use.
func foreign(name string) bool {
	for _, p := range [...]string{"AWS_", "OPENAI_", "ANTHROPIC_", "GITHUB_", "GH_", "GITLAB_", "NPM_", "AZURE_", "GOOGLE_", "GEMINI_", "STRIPE_", "SLACK_", "TELEGRAM_", "DISCORD_", "OPENCLAW_", "CLAWDBOT_", "OPENROUTER_", "HF_", "HUGGINGFACE_", "CLOUDFLARE_", "DIGITALOCEAN_", "SSH_", "VAULT_", "KUBE", "DATABASE_", "PGPASSWORD", "MYSQL_", "TWILIO_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
