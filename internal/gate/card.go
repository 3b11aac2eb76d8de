package gate

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// card puts one call before a person: facts of the gateway's own making, the
// rule that asked, and what confinement would and would not hold.
func card(c Call, q policy.Request, d policy.Decision, p tool.Prepared, rules policy.Rules, content string) approval.View {
	v := approval.View{
		Agent: q.Agent, Session: q.Session, Tool: q.Tool,
		Headline: headline(q, p),
		Command:  p.Command, Text: p.Text, Content: content,
		Warnings: append([]string{}, p.Warnings...),
		Facts:    factRows(q),
		Rule:     string(d.Rule), Reason: d.Reason, Hint: d.Hint, Where: d.Where,
		Labels:    c.Lineage,
		AskedBy:   fmt.Sprintf("agent %s, session %s (%s)", q.Agent, q.Session, q.Principal.Standing),
		LastHuman: c.LastHuman, AgentSays: c.Says,
		IfAllowed: ifAllowed(q, rules.Confinement),
	}
	if !q.Facts.Understood {
		v.Warnings = append(v.Warnings, "not fully understood: "+q.Facts.Why)
	}
	v.Scopes, v.NoMore = scopes(q, rules)
	return v
}

// shownOf is the hash of a card as its facts made it, before anything that the
// desk adds: whatever differs, a person has not seen.
func shownOf(v approval.View) (sum [sha256.Size]byte) {
	if b, err := json.Marshal(v); err == nil {
		sum = sha256.Sum256(b)
	}
	return sum
}

func headline(q policy.Request, p tool.Prepared) string {
	who := string(q.Agent)
	switch {
	case len(p.Command) > 0:
		names := make([]string, 0, len(p.Command))
		for _, argv := range p.Command {
			if len(argv) > 0 {
				names = append(names, path.Base(argv[0]))
			}
		}
		noun := "1 program"
		if len(names) != 1 {
			noun = fmt.Sprintf("%d programs", len(names))
		}
		return fmt.Sprintf("%s wants to run %s: %s.", who, noun, strings.Join(names, " → "))
	case q.Facts.Stdin:
		return who + " wants to type into a running program."
	case len(q.Facts.Writes) > 0:
		return fmt.Sprintf("%s wants to change %s.", who, texts(q.Facts.Writes))
	case len(q.Facts.Sends) > 0:
		return fmt.Sprintf("%s wants to send a message to %s:%s.", who, q.Facts.Sends[0].Channel, q.Facts.Sends[0].To)
	case len(q.Facts.Hosts) > 0:
		return fmt.Sprintf("%s wants to reach %s.", who, q.Facts.Hosts[0].Name)
	case len(q.Facts.Reads) > 0:
		return fmt.Sprintf("%s wants to read %s.", who, texts(q.Facts.Reads))
	}
	return fmt.Sprintf("%s wants to use %s.", who, q.Tool)
}

func texts(paths []policy.Path) string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p.Text
		if out[i] == "" {
			out[i] = p.Abs
		}
	}
	return strings.Join(out, ", ")
}

// factRows are the rows of the card, always the same ones in the same order.
func factRows(q policy.Request) []approval.Fact {
	f := q.Facts
	row := func(name string, values ...string) approval.Fact { return approval.Fact{Name: name, Values: values} }
	var programs, sends, agents, env []string
	for _, p := range f.Programs {
		programs = append(programs, p.Path+" "+short(p.SHA256))
	}
	for _, s := range f.Sends {
		sends = append(sends, string(s.Channel)+":"+s.To)
	}
	for _, a := range f.Spawns {
		agents = append(agents, string(a))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Env)) {
		env = append(env, k+"="+f.Env[k])
	}
	rows := []approval.Fact{
		row("Programs", programs...), row("Reads", abs(f.Reads)...), row("Writes", abs(f.Writes)...),
		row("Hosts", hostNames(f.Hosts)...), row("Sends", sends...), row("Secrets", f.Secrets...),
		row("Starts agents", agents...), row("Jobs", f.Jobs...), row("Runs in", f.Cwd), row("Environment", env...),
	}
	for _, l := range f.LaunchConfig {
		rows = append(rows, row("Executes from", l.Path+" "+short(l.SHA256)))
	}
	if f.Exec != nil {
		rows[1].Values = append(rows[1].Values, execFiles(f.Exec, cmdline.Read)...)
		rows[2].Values = append(rows[2].Values, execFiles(f.Exec, cmdline.Write)...)
	}
	if f.Cwd == "" {
		rows[8].Values = nil
	}
	return rows
}

// execFiles are the operands and redirections of a command line.
func execFiles(f *cmdline.Facts, access cmdline.Access) []string {
	var out []string
	for _, c := range f.Commands {
		for _, u := range c.Files {
			if u.Access == access {
				out = append(out, u.Text)
			}
		}
	}
	for _, r := range f.Redirects {
		if r.Access == access {
			out = append(out, r.Text)
		}
	}
	return out
}

func abs(paths []policy.Path) []string {
	var out []string
	for _, p := range paths {
		out = append(out, p.Abs)
	}
	return out
}

func hostNames(hosts []policy.Host) []string {
	var out []string
	for _, h := range hosts {
		if h.Port != 0 {
			out = append(out, fmt.Sprintf("%s:%d", h.Name, h.Port))
		} else {
			out = append(out, h.Name)
		}
	}
	return out
}

func short(digest string) string {
	if len(digest) > 8 {
		return digest[:4] + "…" + digest[len(digest)-4:]
	}
	return digest
}

// ifAllowed says what the confinement holds and what it leaves open.
func ifAllowed(q policy.Request, c policy.Confinement) []string {
	if q.Facts.Exec == nil && !q.Facts.Stdin {
		if len(q.Facts.Writes) > 0 {
			return []string{"only this file changes, beneath the workspace"}
		}
		return nil
	}
	out := []string{"runs " + c.Level.String() + ": " + strings.Join(c.Level.Guarantees().Names(), ", ")}
	switch c.Network {
	case policy.NetworkNone:
		out = append(out, "no network")
	case policy.NetworkProxy:
		names := hostNames(q.Facts.Hosts)
		if len(names) == 0 {
			out = append(out, "no network but hosts on tools.egress.hosts")
		} else {
			out = append(out, "no network but "+strings.Join(names, ", ")+" and hosts on tools.egress.hosts")
		}
	}
	if c.WorkspaceWrite {
		return append(out, "does not stop: damage inside the workspace")
	}
	return append(out, "the workspace is read-only")
}

// scopes says how far an answer may reach. A call that was not understood, or
// that a rule wants asked every time, is allowed once only.
func scopes(q policy.Request, rules policy.Rules) (list []string, why string) {
	once := []string{"once"}
	switch {
	case !q.Facts.Understood || q.Facts.Exec != nil && !q.Facts.Exec.Understood:
		return once, "the call is not fully understood"
	case q.Facts.Stdin:
		return once, "text typed into a program is asked each time"
	case q.Facts.Exec != nil && rules.Exec.Ask == policy.AskAlways:
		return once, "tools.exec.ask is \"always\""
	case carriesCode(q) && !confined(rules.Confinement):
		return once, "the command runs code that it carries, and nothing confines it"
	}
	return []string{"once", "session"}, ""
}
