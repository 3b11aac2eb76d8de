package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
)

func (e *env) cmdSandboxTest() *cobra.Command {
	var level string
	c := &cobra.Command{
		Use:   "test [--level LEVEL]",
		Short: "Attack the sandbox of this machine from inside and show what holds",
		Long: `Attack the sandbox of this machine from inside and show what holds.

First it says what the kernel can hold. Then a program in a run of its own tries
everything that a confinement has to refuse, at each level: files, processes,
kernel interfaces, sockets, limits. Each attempt ends as blocked, limited, not
stopped or unmeasured. Nothing outside a temporary directory is touched, and
nothing is recorded. Exit status 1 when a level does not keep its promise.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.sandboxTest(level) },
	}
	c.Flags().StringVar(&level, "level", "", "process, confined or isolated; default: all three")
	return c
}

func (e *env) sandboxTest(only string) error {
	levels := app.KernelLevels()
	if only != "" {
		l, ok := policy.ParseLevel(only)
		if !ok || !slices.Contains(levels, l) {
			return usage("--level %q is not one of process, confined, isolated", only)
		}
		levels = []policy.Level{l}
	}
	p, err := e.home(app.HomeOptions{})
	if err != nil {
		return err
	}
	t, err := app.TestSandbox(e.ctx, p, levels, func(level string) { e.print.note("trying level %s", level) })
	if err != nil {
		return cannot(err, "")
	}
	if e.print.json {
		if err := e.print.value(t); err != nil {
			return err
		}
	} else {
		e.printSupport(t.Support)
		e.printAttacks(t.Attacks, levels)
	}
	failed := t.Failed()
	switch {
	case len(failed) == 0:
		return nil
	case e.print.json:
		return silent(exitFindings)
	}
	for _, o := range failed {
		e.print.line("not as promised at %s: %s: %s %s", o.Level, o.Attempt, o.Class, o.Detail)
	}
	return silent(exitFindings)
}

func (e *env) printSupport(s sandbox.Support) {
	e.print.line("backend %s, kernel %s, Landlock ABI %d, cgroup %s, stage %s, runs as uid %d", s.Backend, s.Kernel, s.LandlockABI, s.Cgroup, s.Stage, s.UID)
	for _, l := range app.KernelLevels() {
		state := "cannot be held"
		if s.Supports(l) {
			state = "held"
		}
		e.print.line("  %-10s %s", l, state)
	}
	for _, m := range s.Missing {
		e.print.line("  missing %s: %s", m.Guarantee, m.Why)
	}
	for _, n := range s.Notes {
		e.print.line("  note: %s", n)
	}
	e.print.line("  note: not measured on this machine: other processors, other systems, container engines")
}

// printAttacks prints a row for each attempt, a column for each level.
func (e *env) printAttacks(outcomes []attack.Outcome, levels []policy.Level) {
	names, cells := []string{}, map[string]map[policy.Level]string{}
	counts := map[policy.Level]map[attack.Class]int{}
	for _, o := range outcomes {
		if cells[o.Attempt] == nil {
			names, cells[o.Attempt] = append(names, o.Attempt), map[policy.Level]string{}
		}
		text := o.Class.String()
		switch {
		case o.Control && o.Class == attack.NotStopped:
			text = "works, as it must"
		case o.Class == attack.Blocked && o.Detail != "":
			text += " " + o.Detail
		}
		cells[o.Attempt][o.Level] = text
		if counts[o.Level] == nil {
			counts[o.Level] = map[attack.Class]int{}
		}
		if !o.Control {
			counts[o.Level][o.Class]++
		}
	}
	head := fmt.Sprintf("%-45s", "attempt")
	for _, l := range levels {
		head += fmt.Sprintf(" %-23s", l)
	}
	e.print.line("%s", head)
	for _, n := range names {
		row := fmt.Sprintf("%-45s", n)
		for _, l := range levels {
			row += fmt.Sprintf(" %-23.23s", cells[n][l])
		}
		e.print.line("%s", row)
	}
	for _, l := range levels {
		c := counts[l]
		e.print.line("%-10s %d blocked, %d limited, %d not stopped, %d unmeasured", l, c[attack.Blocked], c[attack.Limited], c[attack.NotStopped], c[attack.Unmeasured])
	}
}

func (e *env) cmdSandboxExplain() *cobra.Command {
	var agent string
	c := &cobra.Command{
		Use:   "explain [--agent ID]",
		Short: "Show the confinement of an agent's commands and where each line comes from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := e.home(app.HomeOptions{}); err != nil {
				return err
			}
			p, l, err := e.loaded()
			if err != nil {
				return err
			}
			return e.explainProfile(p, l, claw.AgentID(agent))
		},
	}
	c.Flags().StringVar(&agent, "agent", "", "agent `ID`; default: the default agent")
	return c
}

func (e *env) explainProfile(p configfile.Paths, l *configfile.Loaded, id claw.AgentID) error {
	w := app.World(p)
	if id == "" {
		id = posture.Of(l.Config, w).Default()
	}
	lines, ok := posture.Explain(l.Config, w, id)
	if !ok {
		return usage("%w", errors.New("no agent \""+string(id)+"\""))
	}
	if e.print.json {
		return e.print.value(map[string]any{"agent": id, "profile": lines})
	}
	e.print.line("commands of agent %s", id)
	for _, x := range lines {
		e.print.line("  %-26s %-44s %s", x.What, x.Value, x.From)
	}
	return nil
}
