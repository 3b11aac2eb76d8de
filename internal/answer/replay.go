package answer

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Past is one request of the past: a call, or a reply when Reply is set.
type Past struct {
	Seq    uint64
	Time   time.Time
	Caller policy.Caller
	Call   *policy.Recorded // never changed
	Reply  *PastReply
}

// PastReply is the record of a model's answer on its way out.
type PastReply struct {
	Direction string         `json:"direction"`
	Verdict   policy.Verdict `json:"verdict"`
	Rule      policy.RuleID  `json:"rule"`
	To        policy.Send    `json:"to"`
	Labels    claw.Labels    `json:"labels"`
}

// Simulation is what a configuration would have decided about the past.
type Simulation struct {
	Requests int `json:"requests"`
	// Unchanged were decided alike.
	Unchanged int `json:"unchanged"`
	// PromptsSaved were asked and would be allowed; PromptsAdded were not
	// asked and would be.
	PromptsSaved int `json:"promptsSaved"`
	PromptsAdded int `json:"promptsAdded"`
	// NewlyAllowed were refused; NewlyRefused were allowed or asked.
	NewlyAllowed int `json:"newlyAllowed"`
	NewlyRefused int `json:"newlyRefused"`
	// NotDecidable depend on something that the record does not hold.
	NotDecidable int `json:"notDecidable"`
	// Reworked of the decided ones were refused before anybody knew what they
	// would do; that was worked out now, without following links.
	Reworked int            `json:"reworked,omitempty"`
	Reasons  map[string]int `json:"notDecidableBecause,omitempty"`
	Changes  []Changed      `json:"changes"`
	// Left counts changes beyond those that are listed.
	Left int `json:"changesNotListed,omitempty"`
}

// Changed is one request that would be decided otherwise.
type Changed struct {
	Seq     uint64         `json:"seq"`
	Time    time.Time      `json:"time,omitzero"`
	Agent   claw.AgentID   `json:"agent"`
	Tool    claw.ToolName  `json:"tool"`
	Text    string         `json:"text,omitempty"`
	Labels  claw.Labels    `json:"labels"`
	From    policy.Verdict `json:"from"`
	To      policy.Verdict `json:"to"`
	WasRule policy.RuleID  `json:"wasRule"`
	Rule    policy.RuleID  `json:"rule"`
	Where   claw.ConfigRef `json:"where,omitzero"`
}

// MaxChanges bounds the changes that a simulation lists.
const MaxChanges = 1000

// Simulator judges the past under a world's rules.
type Simulator struct {
	w World
	// anew: commands are parsed again instead of believing the record.
	anew   bool
	agents map[claw.AgentID]*posture.Agent
	out    Simulation
}

// Parse says where the facts of commands come from.
type Parse uint8

// The zero value believes the record.
const (
	ParseRecorded Parse = iota
	ParseAnew
)

// NewSimulator makes one.
func NewSimulator(w World, p Parse) *Simulator {
	s := &Simulator{w: w, anew: p == ParseAnew, agents: map[claw.AgentID]*posture.Agent{}}
	for i := range s.w.Posture.Agents {
		s.agents[s.w.Posture.Agents[i].ID] = &s.w.Posture.Agents[i]
	}
	s.out.Changes = []Changed{}
	return s
}

// Result of all that was added.
func (s *Simulator) Result() Simulation { return s.out }

// Reasons why a request cannot be decided again.
const (
	notMasked   = "a secret was taken out of it"
	notPrepared = "nobody worked out what it would do"
	notRead     = "the tool could not read the call"
	notSameDir  = "the agent has another workspace now"
)

// Add judges one request of the past.
func (s *Simulator) Add(p *Past) {
	was, wasRule := p.was()
	if wasRule == "surface.stale_generation" || strings.HasPrefix(string(wasRule), "operator.") {
		return // no rule of an agent decided
	}
	s.out.Requests++
	r, not := s.again(p)
	if not != "" {
		s.out.NotDecidable++
		if s.out.Reasons == nil {
			s.out.Reasons = map[string]int{}
		}
		s.out.Reasons[not]++
		return
	}
	switch {
	case was == r.Verdict:
		s.out.Unchanged++
		return
	case r.Verdict == policy.Deny:
		s.out.NewlyRefused++
	case r.Verdict == policy.Ask:
		s.out.PromptsAdded++
	case was == policy.Ask:
		s.out.PromptsSaved++
	default:
		s.out.NewlyAllowed++
	}
	if len(s.out.Changes) >= MaxChanges {
		s.out.Left++
		return
	}
	c := Changed{Seq: p.Seq, Time: p.Time, Agent: p.Caller.Agent, From: was, To: r.Verdict, WasRule: wasRule, Rule: r.Rule, Where: r.Where}
	if p.Reply != nil {
		c.Tool, c.Labels, c.Text = "reply", p.Reply.Labels, string(p.Reply.To.Channel)+":"+p.Reply.To.To
	} else {
		c.Tool, c.Labels, c.Text = p.Call.Tool, p.Call.Labels, summary(p.Call)
	}
	s.out.Changes = append(s.out.Changes, c)
}

// was is what had been decided.
func (p *Past) was() (policy.Verdict, policy.RuleID) {
	if p.Reply != nil {
		return p.Reply.Verdict, p.Reply.Rule
	}
	return p.Call.Decided(), p.Call.Rule
}

// noRules are in force for an agent that the configuration does not have.
var noRules posture.Agent

// again judges a request under the new rules. not says why it cannot be.
func (s *Simulator) again(p *Past) (r Ruling, not string) {
	a := s.agents[p.Caller.Agent]
	if a == nil {
		a = &noRules
	}
	if p.Reply != nil {
		q := policy.Request{Agent: p.Caller.Agent, Tool: "reply", Principal: p.Caller.Principal, Labels: p.Reply.Labels, Generation: a.Rules.Generation,
			Facts: policy.Facts{Understood: true, Sends: []policy.Send{p.Reply.To}}}
		return policy.JudgeReply(&a.Rules, &q), ""
	}
	q := p.Call.Request(p.Caller)
	q.Generation = a.Rules.Generation
	if p.Call.Unprepared || p.Call.Masked {
		return s.incomplete(p, a, &q)
	}
	if q.Facts.Exec != nil && q.Facts.Exec.Workspace != a.Rules.Files.Workspace {
		if r := byName(a, q); r.Verdict == policy.Deny {
			return r, ""
		}
		return r, notSameDir
	}
	if s.anew && q.Facts.Exec != nil {
		if line, ok := commandOf(p.Call.Arguments); ok {
			f := cmdline.Analyze(line, cmdline.Env{Home: q.Facts.Exec.Home, Cwd: q.Facts.Exec.Cwd, Workspace: q.Facts.Exec.Workspace})
			q.Facts.Exec = &f
		}
	}
	r = policy.Judge(&a.Rules, &q)
	if r.Layer == policy.LayerFiles && moved(p, a) {
		return r, notSameDir
	}
	return r, ""
}

// moved reports whether files that lay in the agent's workspace do not lie in
// the one that it has now.
func moved(p *Past, a *posture.Agent) bool {
	was := 0
	for _, t := range p.Call.Trace {
		if t.Rule == "fs.in_workspace" {
			was++
		}
	}
	for _, files := range [][]policy.Path{p.Call.Facts.Reads, p.Call.Facts.Writes} {
		for i := range files {
			if beneath(files[i].Abs, a.Rules.Files.Workspace) {
				was--
			}
		}
	}
	return was > 0
}

// byName is the least that is decided about a call: what its name and caller
// meet, whatever it would do. A Deny of it holds for the whole call.
func byName(a *posture.Agent, q policy.Request) Ruling {
	q.Facts = policy.Facts{Understood: true}
	r := policy.Judge(&a.Rules, &q)
	if r.Verdict != policy.Deny && q.Tool == "exec" && a.Rules.Exec.Security == policy.ExecDeny {
		r = Ruling{Layer: policy.LayerExec, Rule: "exec.security_deny", Where: a.Rules.Exec.SecurityRef}
	}
	return r
}

// incomplete judges a request whose record lacks something: by its name, by
// what was not masked, or by facts that its arguments still tell.
func (s *Simulator) incomplete(p *Past, a *posture.Agent, q *policy.Request) (Ruling, string) {
	if r := byName(a, *q); r.Verdict == policy.Deny {
		return r, ""
	}
	switch {
	case p.Call.Rule == policy.RuleBadCall:
		return Ruling{}, notRead
	case p.Call.Masked:
		return Ruling{}, notMasked
	}
	f, ok := factsFromArguments(&s.w, a, q.Tool, p.Call.Arguments)
	if !ok {
		return Ruling{}, notPrepared
	}
	s.out.Reworked++
	q.Facts = f
	return policy.Judge(&a.Rules, q), ""
}

func commandOf(args json.RawMessage) (string, bool) {
	var c struct {
		Command string `json:"command"`
	}
	return c.Command, json.Unmarshal(args, &c) == nil && c.Command != ""
}

// factsFromArguments works out what a refused call would have done, by its
// text alone.
func factsFromArguments(w *World, a *posture.Agent, t claw.ToolName, args json.RawMessage) (policy.Facts, bool) {
	var c struct {
		Command  string `json:"command"`
		Workdir  string `json:"workdir"`
		Path     string `json:"path"`
		FilePath string `json:"file_path"`
		URL      string `json:"url"`
	}
	if json.Unmarshal(args, &c) != nil {
		return policy.Facts{}, false
	}
	if c.Path == "" {
		c.Path = c.FilePath
	}
	file := []policy.Path{{Abs: w.abs(a, c.Path), Text: c.Path}}
	switch t {
	case "exec":
		if c.Command == "" || a.Workspace == "" {
			return policy.Facts{}, false
		}
		dir := a.Workspace
		if c.Workdir != "" {
			dir = w.abs(a, c.Workdir)
		}
		f := cmdline.Analyze(c.Command, cmdline.Env{Home: w.Home, Cwd: dir, Workspace: a.Workspace})
		out := policy.Facts{Understood: true, Exec: &f, Cwd: dir}
		for _, h := range f.Hosts {
			out.Hosts = append(out.Hosts, policy.Host{Name: h, CarriesData: true})
		}
		return out, true
	case "read":
		return policy.Facts{Understood: true, Reads: file}, c.Path != "" && file[0].Abs != ""
	case "write":
		return policy.Facts{Understood: true, Writes: file}, c.Path != "" && file[0].Abs != ""
	case "edit":
		return policy.Facts{Understood: true, Reads: file, Writes: file}, c.Path != "" && file[0].Abs != ""
	case "web_fetch":
		host, err := hostName(c.URL)
		return policy.Facts{Understood: true, Hosts: []policy.Host{{Name: host, Port: 443, Scheme: "https", Method: "GET", CarriesData: true}}}, err == nil
	}
	return policy.Facts{}, false
}

// summary names a call in one line.
func summary(r *policy.Recorded) string {
	f := &r.Facts
	switch {
	case f.Exec != nil:
		return f.Exec.Visible
	case len(f.Writes) > 0:
		return f.Writes[0].Abs
	case len(f.Reads) > 0:
		return f.Reads[0].Abs
	case len(f.Hosts) > 0:
		return f.Hosts[0].Name
	case len(f.Sends) > 0:
		return string(f.Sends[0].Channel) + ":" + f.Sends[0].To
	}
	var c struct {
		Command string `json:"command"`
		Path    string `json:"path"`
		URL     string `json:"url"`
	}
	_ = json.Unmarshal(r.Arguments, &c) // an argument that is not there is empty
	return c.Command + c.Path + c.URL
}
