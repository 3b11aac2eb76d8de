package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// askFlags are what questions about a configuration have in common.
type askFlags struct{ agent, config string }

func (f *askFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.agent, "agent", "", "only this agent `ID`")
	c.Flags().StringVar(&f.config, "config", "", "`FILE` to ask instead of the home's configuration")
}

// world of the configuration asked about.
func (e *env) world(f askFlags) (answer.World, error) {
	p, l, err := e.configAt(f.config)
	if err != nil {
		return answer.World{}, err
	}
	w := app.Answers(p, l.Config)
	if f.agent != "" {
		if _, ok := w.Posture.Agent(claw.AgentID(f.agent)); !ok {
			return w, usage("policy: no agent %q is configured", f.agent)
		}
	}
	return w, nil
}

func (e *env) cmdPolicyShow() *cobra.Command {
	var f askFlags
	c := &cobra.Command{Use: "show", Short: "Show what is in force for each agent, and where it comes from", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		w, err := e.world(f)
		if err != nil {
			return err
		}
		all := w.Show(claw.AgentID(f.agent))
		if e.print.json {
			return e.print.value(struct {
				Agents []answer.Effective `json:"agents"`
			}{all})
		}
		for i := range all {
			e.printEffective(&all[i])
		}
		return nil
	}}
	f.add(c)
	return c
}

func (e *env) printEffective(a *answer.Effective) {
	line := e.print.line
	title := "agent " + string(a.Agent)
	if a.Default {
		title += " (answers by default)"
	}
	line("%s", title)
	line("  workspace    %s", orNone(a.Workspace))
	line("  reached by   %s%s", orNone(strings.Join(a.Doors, ", ")), place(a.SurfacesRef))
	for _, v := range []policy.Verdict{policy.Allow, policy.Deny} {
		e.printTools(a.Tools, v)
	}
	line("  exec         security %s%s, ask %s%s", a.Exec.Security, place(a.Exec.SecurityRef), a.Exec.Ask, place(a.Exec.AskRef))
	for _, x := range a.Exec.Allowlist {
		line("    allowed    %q%s", x.Text, place(x.Where))
	}
	for _, x := range a.Exec.Denylist {
		line("    denied     %q%s", x.Text, place(x.Where))
	}
	only := "the workspace alone"
	if !a.Files.WorkspaceOnly {
		only = "the workspace; elsewhere asks"
	}
	line("  files        %s%s", only, place(a.Files.WorkspaceRef))
	for _, x := range a.Files.Deny {
		line("    denied     %s%s", x.Pattern, place(x.Where))
	}
	for _, x := range a.Files.Always {
		line("    closed     %s (to every agent)", x.Pattern)
	}
	line("    steering   %d patterns may be read and never written", len(a.Files.Steering))
	line("  egress       hosts on no list: %s%s", [...]string{"deny", "ask", "allow"}[a.Egress.Mode], place(a.Egress.Where))
	for _, x := range a.Egress.Hosts {
		line("    host       %s (%s)%s", x.Host, [...]string{"read", "account", "write"}[x.Class], place(x.Where))
	}
	line("  flow         %s%s", [...]string{"enforce", "observe", "off"}[a.Flow.Mode], place(a.Flow.Where))
	elsewhere := "the conversation that asked"
	if a.Elsewhere {
		elsewhere = "any conversation"
	}
	line("  messages to  %s%s", elsewhere, place(a.ElsewhereRef))
	for _, l := range a.Budget {
		line("  limit        %s%s", limitText(l), place(l.Where))
	}
	line("  loops        %s%s", loopText(&a.Loops), place(a.Loops.Where))
	line("  confinement  %s: %s", a.Confinement.Level, orNone(strings.Join(a.Guarantees, " ")))
	line("")
}

func loopText(l *policy.LoopRules) string {
	if !l.Enabled {
		return "not noticed"
	}
	return fmt.Sprintf("told at %d repeats, refused at %d, the turn ends at %d", l.Warning, l.Critical, l.Breaker)
}

// printTools lists the tools of one verdict, those of one origin on a line.
func (e *env) printTools(tools []answer.EffectiveTool, v policy.Verdict) {
	type origin struct {
		from  string
		names []string
	}
	var all []origin
	for _, t := range tools {
		if t.Verdict != v {
			continue
		}
		name := string(t.Tool)
		if t.OwnerOnly {
			name += " (owner only)"
		}
		if t.NotBuilt {
			name += " (not built)"
		}
		from := t.From + place(t.Where)
		if v == policy.Deny {
			from = string(t.Rule) + place(t.Where)
		}
		i := slices.IndexFunc(all, func(o origin) bool { return o.from == from })
		if i < 0 {
			all, i = append(all, origin{from: from}), len(all)
		}
		all[i].names = append(all[i].names, name)
	}
	head := "tools"
	if v == policy.Deny {
		head = "no tools"
	}
	for _, o := range all {
		e.print.line("  %-12s %s", head, strings.Join(o.names, ", "))
		e.print.line("               by %s", o.from)
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// place writes where something is configured, in brackets.
func place(r claw.ConfigRef) string {
	if s := r.String(); s != "" {
		return " [" + s + "]"
	}
	return ""
}

func (e *env) cmdPolicyMatrix() *cobra.Command {
	var f askFlags
	var who, labels string
	var rules bool
	c := &cobra.Command{
		Use: "matrix", Short: "Show which sender can cause what directly", Args: cobra.NoArgs,
		Long: `Show which sender can cause what directly.

A cell is the mildest decision among the calls that bring the effect about:
allow, ask or deny. Where labels of the session make a difference, the cell
says so for a clean session, an untrusted one, and one that is untrusted and
private: allow/ask/ask. Messages of everybody but the owner make a session
untrusted by themselves. What an agent passes on to others is followed by
"policy can".`,
		Example: "  openclaw policy matrix --agent main --rules",
		RunE: func(*cobra.Command, []string) error {
			w, err := e.world(f)
			if err != nil {
				return err
			}
			s := answer.Scope{Agent: claw.AgentID(f.agent)}
			if who != "" {
				if s.Senders, err = w.Who(who); err != nil {
					return &failure{code: exitUsage, err: err}
				}
			}
			l, given, err := labelsOf(labels)
			if err != nil {
				return err
			}
			if given {
				s.Labels = []claw.Labels{l}
			}
			m := w.Matrix(s)
			if e.print.json {
				return e.print.value(m)
			}
			for _, a := range w.Posture.Agents {
				if f.agent == "" || string(a.ID) == f.agent {
					e.printMatrix(m, a.ID, rules)
				}
			}
			return nil
		}}
	f.add(c)
	c.Flags().StringVar(&who, "who", "", "only these senders (see policy can)")
	c.Flags().StringVar(&labels, "labels", "", "only sessions with these labels: clean, untrusted, untrusted,private")
	c.Flags().BoolVar(&rules, "rules", false, "name the rule that decides each cell")
	return c
}

func (e *env) printMatrix(m answer.Matrix, agent claw.AgentID, rules bool) {
	t := matrixTable{cells: map[[2]string][]answer.Cell{}}
	for _, c := range m.Cells {
		if c.Agent == agent {
			t.add(c)
		}
	}
	e.print.line("agent %s", agent)
	for _, c := range m.Capabilities {
		if rules {
			e.printCellRules(&t, c)
		} else {
			e.printCells(&t, c)
		}
	}
	for _, o := range t.out {
		e.print.line("  not admitted: %s: %s%s", o.Sender, o.Rule, place(o.Where))
	}
	e.print.line("")
}

// matrixTable are the cells of one agent by capability and sender; out are
// senders who do not come in at all.
type matrixTable struct {
	senders []string
	cells   map[[2]string][]answer.Cell
	out     []answer.Cell
}

func (t *matrixTable) add(c answer.Cell) {
	if c.By == "" { // nothing was decided: the sender is not admitted
		if !slices.ContainsFunc(t.out, func(o answer.Cell) bool { return o.Sender == c.Sender }) {
			t.out = append(t.out, c)
		}
		return
	}
	if !slices.Contains(t.senders, c.Sender) {
		t.senders = append(t.senders, c.Sender)
	}
	k := [2]string{c.Capability, c.Sender}
	t.cells[k] = append(t.cells[k], c)
}

func (e *env) printCellRules(t *matrixTable, c answer.Capability) {
	e.print.line("  %s", c.Text)
	for _, s := range t.senders {
		for _, x := range t.cells[[2]string{c.ID, s}] {
			e.print.line("    %-24s %-17s %-5s %s%s", s, answer.LabelText(x.Labels), x.Verdict, x.Rule, place(x.Where))
		}
	}
}

// printCells lists the senders of each verdict.
func (e *env) printCells(t *matrixTable, c answer.Capability) {
	var order []string
	who := map[string][]string{}
	for _, s := range t.senders {
		text := cellText(t.cells[[2]string{c.ID, s}])
		if who[text] == nil {
			order = append(order, text)
		}
		who[text] = append(who[text], s)
	}
	head := c.Text
	for _, text := range order {
		e.print.line("  %-32s %-14s %s", head, text, strings.Join(who[text], ", "))
		head = ""
	}
}

// cellText says one verdict, or one per label set where they differ.
func cellText(cells []answer.Cell) string {
	var out []string
	for _, c := range cells {
		out = append(out, c.Verdict.String())
	}
	if len(out) > 0 && !slices.ContainsFunc(out, func(s string) bool { return s != out[0] }) {
		return out[0]
	}
	return strings.Join(out, "/")
}

func (e *env) cmdPolicyCan() *cobra.Command {
	var f askFlags
	var failIf string
	c := &cobra.Command{
		Use:   "can WHO WHAT",
		Short: "Ask whether somebody can cause something, by whatever way",
		Long: fmt.Sprintf(`Ask whether somebody can cause something, by whatever way.

Searches everything that the configuration lets happen: who is admitted, which
agent answers, which tools and programs bring the effect about, and what goes
on by other agents, jobs and files. The answer is a way, step by step, or that
none exists.

WHO is %s.

WHAT is %s.`, answer.WhoHelp, answer.WhatHelp),
		Example: `  openclaw policy can telegram:stranger 'read ~/.ssh/id_rsa'
  openclaw policy can anyone 'run make' --fail-if yes
  openclaw policy can owner 'leak notes.txt to example.org'`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if failIf != "" && failIf != "yes" && failIf != "no" {
				return usage("policy can: --fail-if %q is not one of yes, no", failIf)
			}
			w, err := e.world(f)
			if err != nil {
				return err
			}
			q := answer.Question{Agent: claw.AgentID(f.agent)}
			if q.Who, err = w.Who(args[0]); err != nil {
				return &failure{code: exitUsage, err: err}
			}
			if q.What, err = answer.What(args[1]); err != nil {
				return &failure{code: exitUsage, err: err}
			}
			a := w.Can(q)
			if e.print.json {
				if err := e.print.value(a); err != nil {
					return err
				}
			} else {
				e.printAnswer(args[0], a)
			}
			if yes := a.Verdict != policy.Deny; failIf == "yes" && yes || failIf == "no" && !yes {
				return silent(exitFindings)
			}
			return nil
		}}
	f.add(c)
	c.Flags().StringVar(&failIf, "fail-if", "", "exit status 1 when the answer is `yes` (with or without asking) or no")
	return c
}

func (e *env) printAnswer(who string, a answer.Answer) {
	switch a.Verdict {
	case policy.Allow:
		e.print.line("yes: %s can %s, and nobody is asked", who, a.What)
	case policy.Ask:
		e.print.line("only when a person says yes: %s can %s", who, a.What)
	case policy.Deny:
		e.print.line("no: there is no way for %s to %s (%d states, %d calls examined)", who, a.What, a.States, a.Calls)
	}
	for i, h := range a.Path {
		built := ""
		if h.NotBuilt {
			built = " (policy lets it through; the tool is not built)"
		}
		rule := ""
		if h.Rule != "" {
			rule = fmt.Sprintf("%s: %s%s", h.Verdict, h.Rule, place(h.Where))
		}
		labels := ""
		if h.Labels != 0 {
			labels = "  {" + h.Labels.String() + "}"
		}
		e.print.line("  %d. %s%s%s", i+1, h.Text, labels, built)
		if rule != "" {
			e.print.line("     %s", rule)
		}
	}
	const most = 20
	for i, b := range a.Blocked {
		if i == most {
			e.print.line("  … %d more; --json has all", len(a.Blocked)-most)
			break
		}
		at := b.Who
		if b.Agent != "" {
			at += " → " + string(b.Agent)
		}
		e.print.line("  %s: %s: %s%s", at, b.Text, b.Rule, place(b.Where))
	}
}

func (e *env) cmdPolicyDiff() *cobra.Command {
	var failIf string
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "Tell what a change of the configuration makes reachable", Args: cobra.ExactArgs(2),
		Long: `Tell what a change of the configuration makes reachable.

Compares the matrices of both files, over every path, command and host that
either of them names, and lists the rules that got looser (which is what waits
for "config accept") and those that got stricter.`,
		Example: "  openclaw policy diff ~/.openclaw/openclaw.json new.json --fail-if looser",
		RunE: func(_ *cobra.Command, args []string) error {
			if failIf != "" && failIf != "looser" && failIf != "different" {
				return usage("policy diff: --fail-if %q is not one of looser, different", failIf)
			}
			var both [2]answer.World
			for i, file := range args {
				var err error
				if both[i], err = e.world(askFlags{config: file}); err != nil {
					return err
				}
			}
			d := answer.Diff(both[0], both[1])
			if !e.print.json {
				e.printDifference(d)
			} else if err := e.print.value(d); err != nil {
				return err
			}
			if failIf == "looser" && len(d.Reachable)+len(d.Looser) > 0 || failIf == "different" && !d.Same() {
				return silent(exitFindings)
			}
			return nil
		}}
	c.Flags().StringVar(&failIf, "fail-if", "", "exit status 1 when NEW is `looser` anywhere, or different")
	return c
}

func (e *env) printDifference(d answer.Difference) {
	if d.Same() {
		e.print.line("nothing differs in what anybody can cause")
		return
	}
	turns := func(title string, list []answer.Turn) {
		if len(list) > 0 {
			e.print.line("%s", title)
		}
		for _, t := range list {
			e.print.line("  agent %s: %s, %s session: %s: %s → %s  %s%s", t.Agent, t.Sender, answer.LabelText(t.Labels), t.Capability, t.From, t.To, t.Rule, place(t.Where))
		}
	}
	turns("reachable from now on", d.Reachable)
	turns("no longer reachable", d.Unreachable)
	for _, c := range d.Looser {
		e.print.line("looser: %s%s", c, place(c.Ref))
	}
	for _, c := range d.Stricter {
		e.print.line("stricter: %s%s", c, place(c.Ref))
	}
	e.print.line("%d reachable, %d no longer, %d rules looser, %d stricter", len(d.Reachable), len(d.Unreachable), len(d.Looser), len(d.Stricter))
}
