package app

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/survey"
)

// AuditOptions of LookForAudit.
type AuditOptions struct {
	// Owner overrides whose home it is; empty asks the home.
	Owner audit.HomeOwner
	// Env looks variables up, Environ lists them.
	Env     func(string) (string, bool)
	Environ []string
	Version string
	Now     time.Time
	// Deep looks at the machine too: sockets, the gateway, the sandbox.
	Deep bool
	// Sandbox tries what the sandbox holds at levels; nil does so by one of its
	// own.
	Sandbox func(context.Context, []policy.Level) (SandboxTest, error)
	// Host starts the helpers of a deep audit; nil makes one.
	Host sandbox.Runner
	// Compose are container deployments to judge besides.
	Compose []string
	// Progress is told what is being looked at.
	Progress func(string)
	// Ask asks the running gateway why the file is not in force; ok is false
	// when it could not be asked.
	Ask func() (notInForce string, ok bool)
}

// Looked is what the audit judges, and the configuration as it was read for
// that; Loaded is nil when it was not read here.
type Looked struct {
	audit.Input
	Loaded *configfile.Loaded
}

// LookForAudit looks at a home, without touching it, and gives what the audit
// judges.
func LookForAudit(p configfile.Paths, o AuditOptions) (Looked, error) {
	in := Looked{}
	tell := o.Progress
	if tell == nil {
		tell = func(string) {}
	}
	tell("the configuration")
	owner, runUID, err := homeOwner(p, o.Owner)
	if err != nil {
		in.Unreadable = err.Error()
	}
	foreign := owner == audit.UpstreamHome
	l, err := configfile.Load(p, configfile.Options{Env: o.Env, Foreign: foreign})
	if err != nil {
		in.Unreadable = err.Error()
	}
	in.Config, in.Problems, in.Loaded = l.Config, l.Problems, l
	home := audit.Home{Dir: p.Home, State: p.State, Config: p.Config, Owner: owner}
	w := survey.Where{Home: home, By: o.Version, Now: o.Now, RunUID: runUID, Environ: o.Environ, Redactor: filter.New(filter.Options{}),
		Config: []string{p.Config}, Further: furtherFiles(l.Config, p), Compose: o.Compose}
	for i, f := range l.Files {
		if i > 0 {
			w.Config = append(w.Config, f.Path)
		}
	}
	world := posture.World{Home: p.Home, State: p.State, Config: p.Config}
	if foreign {
		world.Owner = posture.Upstream
	}
	now := posture.Of(l.Config, world)
	for _, a := range now.Agents {
		if a.Workspace != "" {
			w.Workspaces = append(w.Workspaces, a.Workspace)
		}
		for _, e := range a.Rules.Exec.Allowlist {
			if name, _, _ := strings.Cut(e.Text, " "); strings.HasPrefix(p.Expand(name), "/") && !strings.ContainsAny(name, "*?[") {
				w.Further[audit.RoleAllowed] = append(w.Further[audit.RoleAllowed], p.Expand(name))
			}
		}
	}
	states := skillStates(p, l.Config, now)
	w.Processes = o.Deep || owner == audit.NoHome
	tell("the files")
	in.Snapshot = survey.Take(w)
	in.Snapshot.Skills = states
	lookRunning(p, l.Config, &in.Snapshot)
	tell("the credentials")
	secrets, values := auditSecrets(p, l.Config, w.Redactor, o)
	in.Snapshot.Secrets = secrets
	in.Redact = maskOf(w.Redactor, values)
	if o.Deep {
		tell("the skills")
		in.Snapshot.Scanned = scanSkills(p, l.Config, w.Workspaces)
		in.Snapshot.Live = lookDeep(p, l.Config, &in.Snapshot, now.Gateway.Port, o)
	}
	return in, nil
}

// homeOwner says whose the home is and which uid its commands get.
func homeOwner(p configfile.Paths, override audit.HomeOwner) (audit.HomeOwner, int, error) {
	state, err := LookHome(p)
	if err != nil {
		return audit.OurHome, -1, err
	}
	owner, uid := audit.NoHome, -1
	switch state {
	case HomeOurs:
		owner = audit.OurHome
		if m, err := readMarker(p); err == nil && m.RunUID > 0 {
			uid = m.RunUID
		}
	case HomeUpstream:
		owner = audit.UpstreamHome
	case HomeAbsent:
		for _, name := range []string{"agents", "credentials", "identity", "exec-approvals.json", "state", ".env"} {
			if _, err := os.Lstat(filepath.Join(p.State, name)); err == nil {
				owner = audit.UpstreamHome // a home that we did not make, without its configuration
			}
		}
	}
	if override != "" {
		owner = override
	}
	return owner, uid, nil
}

// furtherFiles are files that the configuration names.
func furtherFiles(c *config.Config, p configfile.Paths) map[audit.Role][]string {
	out := map[audit.Role][]string{}
	add := func(role audit.Role, path string) {
		if path != "" {
			out[role] = append(out[role], p.Expand(path))
		}
	}
	add(audit.RoleLog, c.Logging.File.Path.V)
	add(audit.RoleJournal, c.Logging.Audit.Path.V)
	add(audit.RoleTLSKey, c.Gateway.TLS.KeyPath.V)
	add(audit.RoleTokenFile, c.Channels.Telegram.TokenFile.V)
	for _, a := range c.Channels.Telegram.Accounts {
		add(audit.RoleTokenFile, a.V.TokenFile.V)
	}
	for _, x := range c.Secrets.Providers {
		if x.V.Source.V == "file" {
			add(audit.RoleSecrets, x.V.Path.V)
		}
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			add(audit.RoleProgram, real)
		}
	}
	return out
}

// auditSecrets is what the audit may know of credentials: never a value.
func auditSecrets(p configfile.Paths, c *config.Config, red *filter.Redactor, o AuditOptions) ([]audit.Secret, []string) {
	var values []string
	groups := map[string]int{}
	measure := func(x audit.Secret, value string) audit.Secret {
		x.Length, x.Bits, x.Placeholder, x.Shaped = len(value), filter.Bits(value), access.Sample(value), red.String(value) != value
		values = append(values, value)
		if value != "" {
			if groups[value] == 0 {
				groups[value] = len(groups) + 1
			}
			x.Group = groups[value]
		}
		return x
	}
	var out []audit.Secret
	c.Literals(func(ref claw.ConfigRef, value string) {
		out = append(out, measure(audit.Secret{Pointer: ref.Pointer, File: ref.File, Line: ref.Line, Column: ref.Column, Source: "plain"}, value))
	})
	getenv := func(name string) string { v, _ := o.Env(name); return v }
	stored := StoreOf(p, getenv, nil, nil)
	res := newResolver(p, o.Env, c, stored, nil)
	changed := map[string]time.Time{}
	if l, err := stored.List(); err == nil {
		for _, i := range l.Secrets {
			changed[i.Name] = i.Changed
		}
	}
	for _, r := range c.References() {
		x := audit.Secret{Pointer: r.At.Pointer, File: r.At.File, Line: r.At.Line, Column: r.At.Column, Source: r.Secret.Kind.String()}
		if r.Secret.Kind == config.SecretExec {
			// Whom the gateway lets in must be known; the rest is its own word.
			if strings.HasPrefix(x.Pointer, "gateway.auth.") || x.Pointer == "hooks.token" {
				x.Source, x.Why = "unresolved", "the audit starts no program"
			}
			out = append(out, x)
			continue
		}
		s, err := res.Resolve(context.Background(), r.At.Pointer, refOf(r.Secret))
		if err == nil {
			err = s.Use(func(b []byte) error { x = measure(x, string(b)); return nil })
		}
		if err != nil {
			x.Source, x.Why = "unresolved", err.Error()
		}
		if r.Secret.Kind == config.SecretStore {
			x.Changed = changed[r.Secret.ID]
		}
		out = append(out, x)
	}
	if v, ok := o.Env("OPENCLAW_GATEWAY_TOKEN"); ok && v != "" {
		out = append(out, measure(audit.Secret{Pointer: "env.OPENCLAW_GATEWAY_TOKEN", Source: "env"}, v))
		if !c.Gateway.Auth.Token.Set {
			out = append(out, measure(audit.Secret{Pointer: "gateway.auth.token", Source: "env"}, v))
		}
	}
	return out, values
}

// maskOf masks known credentials and whatever has the form of one. A value too
// weak to be masked anywhere else is masked here: a finding has no need of it.
func maskOf(red *filter.Redactor, values []string) func(string) string {
	red = red.With(values)
	weak := slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		return len(v) < 8 || filter.Maskable(v) || strings.Trim(v, "abcdefghijklmnopqrstuvwxyz") == ""
	})
	return func(text string) string {
		if text == "" {
			return text
		}
		for _, v := range weak {
			text = strings.ReplaceAll(text, v, "[redacted]")
		}
		return red.String(text)
	}
}

// PathsOf are the paths of another home by its state directory.
func PathsOf(state string, env func(string) string) (configfile.Paths, error) {
	abs, err := filepath.Abs(state)
	if err != nil {
		return configfile.Paths{}, err
	}
	home := ""
	if strings.HasPrefix(filepath.Base(abs), ".openclaw") {
		home = filepath.Dir(abs) // "~" in its configuration is its owner's
	}
	return configfile.ResolvePaths(configfile.Env{Getenv: func(name string) string {
		switch name {
		case configfile.EnvStateDir:
			return abs
		case configfile.EnvHome:
			if home != "" {
				return home
			}
		case configfile.EnvConfigPath, configfile.EnvProfile, configfile.EnvPort:
			return ""
		}
		return env(name)
	}})
}
