package gate

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// Standing keeps answers that reach further than a session. What it keeps
// comes back in the rules of an agent.
type Standing interface {
	// Open reports why nothing can be kept now; nil when it can.
	Open() error
	// Add records rules, then keeps them; they are on disk when it returns.
	Add(ctx context.Context, rules []standing.Rule) error
	// Used notes that rules let commands run. It does not wait for the disk.
	Used(uses []standing.Use)
}

// Decided is an earlier decision as the journal has it.
type Decided struct {
	Seq    uint64
	At     time.Time
	Caller policy.Caller
	Call   policy.Recorded
	// Answer is what a person said; the zero Answer when nobody was asked or
	// has answered.
	Answer approval.Answer
}

// Bounds of what a card says of the past.
const (
	lookBack = 500
	listAlso = 50
)

// carriesCode reports whether a command line holds code of its own.
func carriesCode(q policy.Request) bool {
	return q.Facts.Exec != nil && slices.ContainsFunc(q.Facts.Exec.Commands, func(c cmdline.Command) bool { return len(c.Inline) > 0 })
}

func confined(c policy.Confinement) bool {
	want := policy.LevelConfined.Guarantees()
	return c.Level <= policy.LevelContainer && c.Level.Guarantees()&want == want
}

// sessionConfinement is what a call gets that was allowed for a session: code
// that nobody will look at again gets no network.
func sessionConfinement(q policy.Request, c policy.Confinement) policy.Confinement {
	if carriesCode(q) {
		c.Network = policy.NetworkNone
	}
	return c
}

// offer puts onto the card what a standing answer would store, or why none is
// offered, and returns the rules.
func (g *Gate) offer(ctx context.Context, v *approval.View, q policy.Request, rules policy.Rules) []standing.Rule {
	if q.Facts.Exec == nil {
		return nil
	}
	if carriesCode(q) && len(v.Scopes) > 1 {
		v.IfAllowed = append(v.IfAllowed, "for the session: this exact call, confined and without network")
	}
	offered, why := g.rulesFor(q, rules)
	if why != "" {
		v.NoStanding = g.opt.Redact().String(why)
		return nil
	}
	v.Standing = g.imagine(ctx, v.Seq, q, rules, offered)
	v.Scopes = append(v.Scopes, approval.ScopeAgent, approval.ScopeAlways)
	return offered
}

// rulesFor are the narrowest rules that would have spared this question.
func (g *Gate) rulesFor(q policy.Request, rules policy.Rules) (out []standing.Rule, why string) {
	switch {
	case g.opt.Standing == nil:
		return nil, "this gateway keeps no standing answers"
	case rules.Exec.Ask == policy.AskAlways:
		return nil, `tools.exec.ask is "always": a standing answer would spare no question`
	case !q.Facts.Understood:
		return nil, "the call is not fully understood"
	}
	if err := g.opt.Standing.Open(); err != nil {
		return nil, err.Error()
	}
	run := standing.Run{Programs: q.Facts.Programs, Scripts: q.Facts.Scripts}
	miss := slices.DeleteFunc(rules.Exec.Unlisted(q.Facts.Exec), func(i int) bool {
		return slices.ContainsFunc(rules.Exec.Standing, func(r standing.Rule) bool { return r.Covers(q.Facts.Exec, i, run) })
	})
	if out, why = standing.Of(q.Agent, q.Facts.Exec, miss, run); why != "" {
		return nil, why
	}
	for _, r := range out {
		if masked := g.opt.Redact().Argv(slices.Clone(r.Exact.Argv)); !slices.Equal(masked, r.Exact.Argv) {
			return nil, "the command holds a secret"
		}
		for _, line := range r.Text() {
			if g.opt.Redact().String(line) != line {
				return nil, "the command holds a secret"
			}
		}
	}
	if d := policy.Decide(with(rules, out), asSeen(q, q)); d.Verdict != policy.Allow {
		return nil, "it would spare no question: " + string(d.Rule) + ": " + d.Reason
	}
	return out, ""
}

// with are the rules of an agent with further standing answers.
func with(r policy.Rules, more []standing.Rule) policy.Rules {
	r.Exec.Standing = append(slices.Clone(r.Exec.Standing), more...)
	return r
}

// asSeen is q once the launch configuration that the card of shown names
// counts as seen, which any answer makes it.
func asSeen(q, shown policy.Request) policy.Request {
	q.Facts.LaunchConfig = slices.Clone(q.Facts.LaunchConfig)
	for i, f := range q.Facts.LaunchConfig {
		q.Facts.LaunchConfig[i].Seen = f.Seen || f.SHA256 != "" && slices.ContainsFunc(shown.Facts.LaunchConfig, func(o policy.LaunchConfig) bool {
			return o.Path == f.Path && o.SHA256 == f.SHA256
		})
	}
	return q
}

// imagine says what rules would let through: of the past, and near this call.
func (g *Gate) imagine(ctx context.Context, this uint64, q policy.Request, rules policy.Rules, offered []standing.Rule) *approval.Standing {
	out := &approval.Standing{Also: []approval.Past{}, Near: []approval.Near{}}
	for i := range offered {
		out.Rules = append(out.Rules, offered[i].Text())
	}
	after := with(rules, offered)
	if g.opt.History != nil {
		past, err := g.opt.History(ctx, lookBack+1)
		if err != nil {
			past = nil // Looked says that nothing was looked at
		}
		past = slices.DeleteFunc(past, func(p Decided) bool { return p.Seq == this })
		for i := range past[:min(len(past), lookBack)] {
			g.also(out, &past[i], q, rules, after)
		}
	}
	for _, n := range near(q, offered[0].Exact) {
		n.Near.Verdict = policy.Judge(&after, &n.request).Verdict.String()
		out.Near = append(out.Near, n.Near)
	}
	return out
}

// also judges one earlier call with and without the rules.
func (g *Gate) also(out *approval.Standing, p *Decided, q policy.Request, before, after policy.Rules) {
	out.Looked++
	if p.Call.Facts.Exec == nil || p.Caller.Agent != q.Agent {
		return // no rule of this agent's commands bears on it
	}
	if p.Call.Masked || p.Call.Unprepared {
		out.Unknown++
		return
	}
	was := asSeen(p.Call.Request(p.Caller), q)
	before.Generation, after.Generation = was.Generation, was.Generation
	if policy.Judge(&before, &was).Verdict == policy.Allow || policy.Judge(&after, &was).Verdict != policy.Allow {
		return
	}
	if out.Covered++; out.Covered > listAlso {
		return
	}
	became := "asked"
	switch p.Call.Decided() {
	case policy.Deny:
		became = "refused"
	case policy.Allow:
		became = "allowed"
	case policy.Ask:
		if p.Answer.State != "" {
			became = string(p.Answer.State) + " by " + p.Answer.By.String()
		}
	}
	lines := []string{}
	for _, argv := range p.Call.Facts.Exec.Display() {
		lines = append(lines, standing.Quoted(argv))
	}
	out.Also = append(out.Also, approval.Past{Seq: p.Seq, At: p.At, Agent: p.Caller.Agent, Command: strings.Join(lines, "; "), Became: became})
}

type neighbour struct {
	approval.Near
	request policy.Request
}

// near are calls that differ from one that a rule covers in one way each.
func near(q policy.Request, e *standing.Exact) []neighbour {
	cmd := shellWords(e.Argv)
	out := []neighbour{{approval.Near{What: "in another session", Command: standing.Quoted(e.Argv)}, q}}
	out[0].request.Session += ":another"
	env := cmdline.Env{Home: q.Facts.Exec.Home, Cwd: q.Facts.Exec.Cwd, Workspace: q.Facts.Exec.Workspace}
	add := func(what, line string) {
		f := cmdline.Analyze(line, env)
		n := neighbour{approval.Near{What: what, Command: cmdline.Visible(line)}, q}
		n.request.Facts.Exec = &f
		out = append(out, n)
	}
	add("alone", cmd)
	add("with one more word", cmd+" --all")
	if len(e.Argv) > 1 {
		add("without its last word", shellWords(e.Argv[:len(e.Argv)-1]))
		add("with another last word", shellWords(append(slices.Clone(e.Argv[:len(e.Argv)-1]), "another")))
	}
	add("with its output in a file", cmd+" > output.txt")
	add("in another directory", "cd another && "+cmd)
	add("followed by another program", cmd+" && id")
	return out
}

// shellWords writes an argv so that a shell reads exactly these words.
func shellWords(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		if a == "" || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,+%@") != "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}

// rulesOf are the rules that an answer makes.
func rulesOf(w waiting, id claw.ApprovalID, a approval.Answer) []standing.Rule {
	if a.State != approval.Allowed || a.Scope != approval.ScopeAgent && a.Scope != approval.ScopeAlways {
		return nil
	}
	out := slices.Clone(w.standing)
	for i := range out {
		out[i].ID = string(id) + "-" + string(rune('a'+i%26))
		out[i].By, out[i].At, out[i].Until, out[i].Approval = a.By.String(), a.At, a.Until, id
	}
	return out
}

// store keeps what the answer says is to be kept. An error means that nothing
// of the call happens.
func (g *Gate) store(ctx context.Context, w waiting, id claw.ApprovalID, a approval.Answer) error {
	rules := rulesOf(w, id, a)
	if len(rules) == 0 {
		return nil
	}
	return g.opt.Standing.Add(ctx, rules)
}

// used notes which standing answers let a call run: for each command that is
// on no list, the first that covers it.
func (g *Gate) used(q policy.Request, rules *policy.Rules) {
	if g.opt.Standing == nil || q.Facts.Exec == nil || len(rules.Exec.Standing) == 0 || rules.Exec.Security != policy.ExecAllowlist {
		return
	}
	run := standing.Run{Programs: q.Facts.Programs, Scripts: q.Facts.Scripts}
	var uses []standing.Use
	shown := g.maskedCommand(q)
	for _, i := range rules.Exec.Unlisted(q.Facts.Exec) {
		at := slices.IndexFunc(rules.Exec.Standing, func(r standing.Rule) bool { return r.Covers(q.Facts.Exec, i, run) })
		if at < 0 || i >= len(shown) {
			continue
		}
		uses = append(uses, standing.UseOf(&rules.Exec.Standing[at], standing.Quoted(shown[i]), programPath(q, i), g.opt.Now()))
	}
	if len(uses) > 0 {
		g.opt.Standing.Used(uses)
	}
}

// programPath is where the word of a command led; "" when nobody knows.
func programPath(q policy.Request, i int) string {
	name := ""
	if argv := q.Facts.Exec.Commands[i].Argv; len(argv) > 0 {
		name = argv[0].Text
	}
	for _, p := range q.Facts.Programs {
		if p.Path == name || strings.HasSuffix(p.Path, "/"+name) {
			return p.Path
		}
	}
	return ""
}
