package cli

import (
	"bytes"
	"errors"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

func (e *env) cmdSandbox() *cobra.Command {
	c := &cobra.Command{Use: "sandbox", Short: "Run a command in an agent's confinement, or see what this machine can hold"}
	c.AddCommand(e.cmdSandboxRun(), e.cmdSandboxTest())
	return c
}

// sandboxed opens the parts behind the gateway without listening.
func (e *env) sandboxed(f func(*app.App) error) error {
	if err := app.CheckRoot(true); err != nil {
		return refused(err, hintOf(err))
	}
	p, err := e.home(app.HomeOptions{})
	if err != nil {
		return err
	}
	box, err := app.Open(e.ctx, app.Options{Paths: p, Version: version, Getenv: e.getenv})
	if err != nil {
		return startError(err)
	}
	err = f(box)
	return errors.Join(err, box.Close())
}

func (e *env) cmdSandboxRun() *cobra.Command {
	var agentID, level string
	c := &cobra.Command{
		Use:   "run [--agent ID] [--level LEVEL] -- COMMAND...",
		Short: "Run a command of yours in an agent's confinement",
		Long: `Run a command of yours in an agent's confinement.

It is your own act: the agent's confinement holds, its exec rules do not bear
on it. Exit status 0 when the run took place (--json has the command's own), 3
when the confinement asked for could not be held.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, argv []string) error {
			return e.sandboxed(func(a *app.App) error {
				var stdout, stderr bytes.Buffer
				res, err := a.Run(e.ctx, app.RunOptions{Agent: claw.AgentID(agentID), Level: level, Argv: argv, Stdout: &stdout, Stderr: &stderr})
				var le *sandbox.LevelError
				var we *sandbox.WitnessError
				var ae *sandbox.AccessError
				var ie *app.InputError
				switch {
				case errors.As(err, &ie):
					return usage("sandbox run: %w", err)
				case errors.As(err, &le), errors.As(err, &we), errors.Is(err, policy.ErrNoPermit), errors.Is(err, sandbox.ErrPermit):
					return refused(err, "openclaw sandbox test")
				case errors.As(err, &ae):
					return refused(err, ae.Hint)
				case err != nil:
					return cannot(err, "")
				}
				if e.print.json {
					return e.print.value(map[string]any{"exitCode": res.ExitCode, "stdout": stdout.String(), "stderr": stderr.String(), "signal": res.Signal,
						"timedOut": res.TimedOut, "enforced": res.Enforced, "witness": res.Witness})
				}
				e.print.text(stdout.String())
				if stderr.Len() > 0 {
					e.print.aside(stderr.String())
				}
				e.print.note("exit status %d, enforced %s, %s", res.ExitCode, res.Enforced, res.Witness.Summary())
				return nil
			})
		},
	}
	c.Flags().StringVar(&agentID, "agent", "", "agent `ID` whose confinement holds; default: the default agent")
	c.Flags().StringVar(&level, "level", "", "process, confined or isolated; default: the agent's")
	return c
}

func (e *env) cmdSandboxTest() *cobra.Command {
	return &cobra.Command{Use: "test", Aliases: []string{"explain"}, Short: "Measure what this machine's kernel can hold", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		p, err := e.home(app.HomeOptions{})
		if err != nil {
			return err
		}
		s, err := app.MeasureSandbox(p)
		if err != nil {
			return cannot(err, "")
		}
		if e.print.json {
			return e.print.value(s)
		}
		e.print.line("backend %s, kernel %s, Landlock ABI %d, cgroup %s, stage %s, runs as uid %d", s.Backend, s.Kernel, s.LandlockABI, s.Cgroup, s.Stage, s.UID)
		for _, l := range []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated} {
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
		return nil
	}}
}
