package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdSandbox() *cobra.Command {
	c := &cobra.Command{Use: "sandbox", Short: "Run a command in an agent's confinement, or see what this machine can hold"}
	c.AddCommand(e.cmdSandboxRun(), e.cmdSandboxTest(), e.cmdSandboxExplain(), e.cmdSandboxList(), e.cmdSandboxRecreate(), e.cmdSandboxBuild())
	return c
}

func (e *env) cmdSandboxRun() *cobra.Command {
	var o app.RunOptions
	var agentID string
	var allowRoot bool
	c := &cobra.Command{
		Use:   "run [--agent ID] [--level LEVEL] -- COMMAND...",
		Short: "Run a command of yours in an agent's confinement",
		Long: `Run a command of yours in an agent's confinement.

It is your own act: the agent's confinement holds, its exec rules do not bear
on it. While a gateway runs, it runs the command, asked over the owner's socket.
Exit status 0 when the run took place (--json has the command's own), 3 when the
confinement asked for could not be held.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, argv []string) error {
			o.Agent, o.Argv, o.By = claw.AgentID(agentID), argv, ownerHere()
			ran, err := e.sandboxRun(o, allowRoot)
			if err != nil {
				return err
			}
			return e.printRun(ran)
		},
	}
	c.Flags().StringVar(&agentID, "agent", "", "agent `ID` whose confinement holds; default: the default agent")
	c.Flags().StringVar(&o.Level, "level", "", "process, confined, isolated or container; default: the agent's")
	addAllowRoot(c, &allowRoot)
	return c
}

// sandboxRun runs a command through the gateway of the home, or without one.
func (e *env) sandboxRun(o app.RunOptions, allowRoot bool) (app.Ran, error) {
	p, err := e.paths()
	if err != nil {
		return app.Ran{}, usage("%w", err)
	}
	if _, running := store.Holder(p.State); running {
		return e.runBeside(o)
	}
	if err := e.checkRoot(allowRoot); err != nil {
		return app.Ran{}, err
	}
	if p, err = e.home(app.HomeOptions{}); err != nil {
		return app.Ran{}, err
	}
	box, err := app.Open(e.ctx, app.Options{Paths: p, Version: version, Getenv: e.getenv, Passphrase: e.passphrase()})
	if err != nil {
		return app.Ran{}, startError(err)
	}
	ran, err := box.Run(e.ctx, o)
	if cerr := box.Close(); err == nil && cerr != nil {
		return ran, cannot(cerr, "")
	}
	var input *app.InputError
	switch hint, refusal := app.RunRefusal(err); {
	case err == nil:
		return ran, nil
	case errors.As(err, &input):
		return ran, usage("sandbox run: %w", err)
	case refusal:
		return ran, refused(err, hint)
	}
	return ran, cannot(err, "")
}

// runBeside has the running gateway run it: it alone may write the journal.
// When this command is interrupted, so is the run.
func (e *env) runBeside(o app.RunOptions) (app.Ran, error) {
	var ran app.Ran
	c, err := e.dial()
	if err != nil {
		return ran, err
	}
	defer c.close()
	return ran, c.call(e.ctx, "sandbox.run", gateway.OperatorRun{Agent: o.Agent, Level: o.Level, Argv: o.Argv}, &ran)
}

func (e *env) printRun(r app.Ran) error {
	if e.print.json {
		return e.print.value(map[string]any{"exitCode": r.ExitCode, "stdout": string(r.Stdout), "stderr": string(r.Stderr), "signal": r.Signal,
			"timedOut": r.TimedOut, "outputCut": r.OutputCut, "enforced": r.Enforced, "witness": r.Witness})
	}
	e.print.text(string(r.Stdout))
	if len(r.Stderr) > 0 {
		e.print.aside(string(r.Stderr))
	}
	if r.OutputCut {
		e.print.note("the output was longer than what is kept of it")
	}
	e.print.note("exit status %d, enforced %s, %s", r.ExitCode, r.Enforced, r.Witness.Summary())
	return nil
}
