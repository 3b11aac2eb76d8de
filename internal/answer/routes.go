package answer

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// way is one call, or a reply, that could bring an effect about.
type way struct {
	tool claw.ToolName
	text string
	// facts of the call; made when first needed, since a command has to be
	// parsed and most agents run none.
	facts policy.Facts
	line  string
	reply bool
	// host is what a program would reach by itself, which the proxy judges.
	host *policy.Host
	// hidden: the call may be allowed, but the confinement of its run does not
	// show the file.
	hidden bool

	parsed bool
	// never: denied for everybody under any labels, by this.
	never   *Ruling
	weighed bool
}

// otherProgram stands for a program that is on nobody's list.
const otherProgram = "some-other-program"

// ways lists every call by which an agent could bring a goal about.
func (w *World) ways(a *posture.Agent, g Goal) []way {
	switch g.Kind {
	case ReadFile:
		return w.reads(a, w.abs(a, g.Arg), g.Arg)
	case WriteFile:
		return w.writes(a, w.abs(a, g.Arg), g.Arg)
	case Run:
		return []way{command(g.Arg)}
	case RunListed:
		var out []way
		for _, e := range a.Rules.Exec.Allowlist {
			out = append(out, command(e.Text))
		}
		if len(out) == 0 {
			out = append(out, command("true"))
		}
		return out
	case RunOther:
		return []way{command(otherProgram)}
	case Get:
		return w.reaches(a, policy.Host{Name: g.Arg, Port: 443, Scheme: "https", Method: "GET"})
	case Post:
		return w.reaches(a, policy.Host{Name: g.Arg, Port: 443, Scheme: "https", Method: "POST", CarriesData: true})
	case Reply:
		return []way{{tool: "reply", text: "reply into the conversation that asked", reply: true}}
	case SendTo:
		channel, to := target(g.Arg)
		return []way{{tool: "message", text: "message " + g.Arg, facts: policy.Facts{Sends: []policy.Send{{Channel: channel, To: to}}}}}
	case Spawn:
		to := claw.AgentID(g.Arg)
		if to == "" {
			to = a.ID
		}
		return []way{{tool: "sessions_spawn", text: "sessions_spawn " + string(to), facts: policy.Facts{Spawns: []claw.AgentID{to}}}}
	case Schedule:
		return []way{{tool: "cron", text: "cron add", facts: policy.Facts{Jobs: []string{"job"}}}}
	case Configure:
		out := []way{{tool: "gateway", text: "gateway config"}, {tool: "config", text: "config set"}}
		if file := configFile(&a.Rules); file != "" {
			out = append(out, w.writes(a, file, file)...)
		}
		return out
	case Use:
		return []way{{tool: claw.ToolName(g.Arg), text: g.Arg}}
	case Leak:
		return nil // two goals, one after the other: the search does it
	}
	return nil
}

// configFile is a path that stands for the configuration: what is closed to
// every agent.
func configFile(r *policy.Rules) string {
	if len(r.Files.Always) == 0 {
		return ""
	}
	p := r.Files.Always[len(r.Files.Always)-1].Pattern
	if path.Ext(p) == "" {
		p = path.Join(p, "openclaw.json")
	}
	return p
}

func command(line string) way { return way{tool: "exec", text: "exec " + line, line: line} }

func (w *World) reads(a *posture.Agent, abs, text string) []way {
	file := []policy.Path{{Abs: abs, Text: text}}
	out := []way{
		{tool: "read", text: "read " + text, facts: policy.Facts{Reads: file}},
		{tool: "edit", text: "edit " + text, facts: policy.Facts{Reads: file, Writes: file}},
	}
	return append(out, byPrograms(a, " "+quoted(abs), "opens "+text, w.shows(&a.Rules.Confinement, abs, cmdline.Read))...)
}

func (w *World) writes(a *posture.Agent, abs, text string) []way {
	file := []policy.Path{{Abs: abs, Text: text}}
	out := []way{
		{tool: "write", text: "write " + text, facts: policy.Facts{Writes: file}},
		{tool: "edit", text: "edit " + text, facts: policy.Facts{Reads: file, Writes: file}},
		{tool: "apply_patch", text: "apply_patch " + text, facts: policy.Facts{Writes: file}},
	}
	return append(out, byPrograms(a, " > "+quoted(abs), "writes "+text, w.shows(&a.Rules.Confinement, abs, cmdline.Write))...)
}

// byPrograms are the agent's programs with the file named on their line, and,
// where a run sees the file, touching it by themselves.
func byPrograms(a *posture.Agent, tail, does string, seen bool) (out []way) {
	for _, p := range programs(a) {
		c := command(p + tail)
		c.hidden = !seen
		out = append(out, c)
		if seen {
			c := command(p)
			c.text += " (the program " + does + " by itself)"
			out = append(out, c)
		}
	}
	return out
}

// reaches lists the calls that reach a host, by name or through the proxy.
func (w *World) reaches(a *posture.Agent, h policy.Host) []way {
	var out []way
	if h.Method == "GET" {
		out = append(out, way{tool: "web_fetch", text: "web_fetch https://" + h.Name + "/", facts: policy.Facts{Hosts: []policy.Host{h}}})
	}
	network := a.Rules.Confinement.Network == policy.NetworkProxy || w.open(&a.Rules.Confinement)
	for _, p := range append(programs(a), "curl") {
		switch path.Base(strings.Fields(p)[0]) {
		case "curl":
			line := p + " https://" + h.Name + "/"
			if h.CarriesData {
				line = p + " -d x https://" + h.Name + "/"
			}
			c := command(line)
			c.hidden = !network
			out = append(out, c)
		case "wget":
			c := command(p + " https://" + h.Name + "/")
			c.hidden = !network
			out = append(out, c)
		}
		if network {
			own := h
			if !w.opened(h.Name) { // through a tunnel neither method nor path is seen
				own = policy.Host{Name: h.Name, Port: h.Port, Scheme: "https", CarriesData: true}
			}
			c := command(p)
			c.text += " (the program reaches " + h.Name + " by itself)"
			if !w.open(&a.Rules.Confinement) {
				c.host = &own
			}
			out = append(out, c)
		}
	}
	return out
}

// programs are the commands that an agent may be asked to run: those that are
// listed, and one that is not.
func programs(a *posture.Agent) []string {
	out := make([]string, 0, len(a.Rules.Exec.Allowlist)+1)
	if a.Rules.Exec.Security == policy.ExecAllowlist {
		for _, e := range a.Rules.Exec.Allowlist {
			if strings.TrimSpace(e.Text) != "" {
				out = append(out, e.Text)
			}
		}
	}
	for i := range a.Rules.Exec.Standing {
		switch r := &a.Rules.Exec.Standing[i]; {
		case r.Exact != nil && len(r.Exact.Argv) > 0:
			words := make([]string, 0, len(r.Exact.Argv))
			for _, w := range r.Exact.Argv {
				words = append(words, quoted(w))
			}
			out = append(out, strings.Join(words, " "))
		case r.Entry != nil && r.Entry.Pattern != "":
			out = append(out, quoted(r.Entry.Pattern))
		}
	}
	return append(out, otherProgram)
}

// known are the programs and scripts that standing answers were given for, as
// they were then: a question is about a machine on which none has changed.
func known(r *policy.ExecRules) (programs, scripts []policy.Program) {
	add := func(to *[]policy.Program, p policy.Program) {
		if p.SHA256 == "" {
			p.SHA256 = "unchanged"
		}
		if p.Path != "" && !slices.ContainsFunc(*to, func(o policy.Program) bool { return o.Path == p.Path }) {
			*to = append(*to, p)
		}
	}
	for i := range r.Standing {
		switch x := &r.Standing[i]; {
		case x.Exact != nil:
			add(&programs, x.Exact.Program)
			for _, s := range x.Exact.Scripts {
				add(&scripts, s)
			}
		case x.Entry != nil && strings.Contains(x.Entry.Pattern, "/"):
			add(&programs, policy.Program{Path: x.Entry.Pattern})
		case x.Entry != nil:
			add(&programs, policy.Program{Path: "/usr/bin/" + x.Entry.Pattern})
		}
	}
	return programs, scripts
}

// quoted writes a word so that a shell takes it as it is.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// open reports whether runs see everything that the gateway sees.
func (w *World) open(c *policy.Confinement) bool {
	return w.Unconfined || c.Level == policy.LevelNone || c.Level == policy.LevelProcess
}

// systemRoots are read-only in every run.
var systemRoots = [...]string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}

// Shows reports whether a run under an agent's rules reaches a file by itself,
// whatever its command line names. It may say so of a file that the sandbox
// hides after all; the other way round is a defect.
func (w *World) Shows(r *policy.Rules, abs string, access policy.Access) bool {
	return w.shows(&r.Confinement, abs, access)
}

// shows reports whether a run under a confinement reaches a file by itself.
func (w *World) shows(c *policy.Confinement, abs string, access cmdline.Access) bool {
	if w.open(c) {
		return true
	}
	if abs == "" {
		return false
	}
	for _, m := range c.Masked {
		if (policy.PathPattern{Pattern: m}).Covers(abs, "") {
			return false
		}
	}
	if c.Workspace != "" && beneath(abs, c.Workspace) {
		if access == cmdline.Read {
			return true
		}
		steers := policy.FileRules{Workspace: c.Workspace}
		for _, p := range c.ReadOnly {
			steers.Steering = append(steers.Steering, policy.PathPattern{Pattern: p})
		}
		return c.WorkspaceWrite && !steers.Steers(abs)
	}
	if access == cmdline.Write {
		return false
	}
	for _, r := range c.ReadRoots {
		if beneath(abs, r) {
			return true
		}
	}
	for _, r := range systemRoots {
		if beneath(abs, r) {
			return true
		}
	}
	return false
}

// opened reports whether connections to a host are looked into, since a secret
// is bound to it.
func (w *World) opened(host string) bool {
	return slices.ContainsFunc(w.Posture.Bindings, func(b policy.Binding) bool { return b.Host == host })
}

func beneath(abs, dir string) bool {
	return dir != "" && (abs == dir || dir == "/" || strings.HasPrefix(abs, strings.TrimSuffix(dir, "/")+"/"))
}

// request is the call as policy is asked about it.
func (w *World) request(a *posture.Agent, at *start, labels claw.Labels, x *way) policy.Request {
	return policy.Request{Agent: a.ID, Session: sessionOf(a.ID), Tool: x.tool, Arguments: json.RawMessage("{}"), Principal: at.principal,
		Labels: labels, Facts: w.factsOf(a, at, labels, x), Unattended: at.alone, Generation: a.Rules.Generation}
}

func sessionOf(id claw.AgentID) claw.SessionKey {
	return claw.SessionKey("agent:" + string(id) + ":main")
}

func (w *World) factsOf(a *posture.Agent, at *start, labels claw.Labels, x *way) policy.Facts {
	if x.reply {
		return policy.Facts{Understood: true, Sends: []policy.Send{at.audience}}
	}
	w.parse(a, x)
	f := x.facts
	f.Understood = true
	if len(f.Hosts) > 0 && (at.principal.Standing != claw.Owner || labels.Has(claw.Untrusted)) {
		// Somebody else chose the address, and an address carries data (R27).
		f.Hosts = slices.Clone(f.Hosts)
		for i := range f.Hosts {
			f.Hosts[i].CarriesData = true
		}
	}
	return f
}

// parse makes the facts of a command, once.
func (w *World) parse(a *posture.Agent, x *way) {
	if x.parsed || x.line == "" {
		return
	}
	x.parsed = true
	facts := cmdline.Analyze(x.line, cmdline.Env{Home: w.Home, Cwd: a.Workspace, Workspace: a.Workspace})
	x.facts = policy.Facts{Exec: &facts, Cwd: a.Workspace}
	x.facts.Programs, x.facts.Scripts = known(&a.Rules.Exec)
	for _, h := range facts.Hosts {
		x.facts.Hosts = append(x.facts.Hosts, policy.Host{Name: h, CarriesData: true})
	}
}

// judge asks policy about a way. What the confinement or the proxy of a run
// does not let through is refused whatever was decided about its start.
func (w *World) judge(a *posture.Agent, at *start, labels claw.Labels, x *way) Ruling {
	if x.hidden {
		return Ruling{Layer: policy.LayerSandbox, Rule: "sandbox.not_shown", Where: a.Rules.Exec.SecurityRef}
	}
	q := w.request(a, at, labels, x)
	if x.reply {
		return policy.JudgeReply(&a.Rules, &q)
	}
	r := policy.Judge(&a.Rules, &q)
	if r.Verdict != policy.Deny && x.host != nil {
		if s := policy.JudgeHost(a.Rules.Egress, x.tool, labels, *x.host); s.Verdict != policy.Allow {
			return Ruling{Layer: policy.LayerEgress, Rule: "egress.not_while_running", Where: s.Where}
		} else if s.Rule == policy.RuleAnythingAnywhere && r.Verdict == policy.Allow {
			r.Layer, r.Rule, r.Where = s.Layer, s.Rule, s.Where
		}
	}
	return r
}

// hopeless reports whether a way is denied to the owner in a clean session:
// then it is denied to everybody (labels and lesser standing only restrict),
// and need not be asked about again.
func (w *World) hopeless(a *posture.Agent, x *way) bool {
	if x.reply {
		return false
	}
	if x.weighed {
		return x.never != nil
	}
	x.weighed = true
	if x.hidden {
		x.never = &Ruling{Layer: policy.LayerSandbox, Rule: "sandbox.not_shown", Where: a.Rules.Exec.SecurityRef}
		return true
	}
	rules := a.Rules
	rules.Surfaces = nil
	q := policy.Request{Agent: a.ID, Tool: x.tool, Generation: rules.Generation, Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner},
		Facts: policy.Facts{Understood: true}}
	r := policy.Judge(&rules, &q) // by name: spares parsing a command
	if r.Verdict != policy.Deny && x.line != "" && rules.Exec.Security == policy.ExecDeny {
		r = Ruling{Layer: policy.LayerExec, Rule: "exec.security_deny", Where: rules.Exec.SecurityRef}
	}
	if r.Verdict != policy.Deny {
		w.parse(a, x)
		q.Facts = x.facts
		q.Facts.Understood = true
		r = policy.Judge(&rules, &q)
	}
	if r.Verdict == policy.Deny {
		x.never = &r
		return true
	}
	return false
}
