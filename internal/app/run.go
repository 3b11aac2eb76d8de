package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/docker"
)

// RunOptions of Run.
type RunOptions struct {
	Agent claw.AgentID
	Level string
	Argv  []string
	By    claw.Principal
}

// Ran is a run that took place.
type Ran struct {
	ExitCode  int             `json:"exitCode"`
	Signal    string          `json:"signal,omitempty"`
	TimedOut  bool            `json:"timedOut,omitempty"`
	OutputCut bool            `json:"outputCut,omitempty"`
	Stdout    []byte          `json:"stdout"`
	Stderr    []byte          `json:"stderr"`
	Enforced  policy.Level    `json:"enforced"`
	Witness   sandbox.Witness `json:"witness"`
}

// InputError is a mistake of the caller's: nothing was done.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

// Run runs a command under an agent's confinement, as the operator's own act:
// the profile is the agent's, its exec rules do not bear on it. The journal
// has it first.
func (a *App) Run(ctx context.Context, o RunOptions) (Ran, error) {
	p := a.posture.now()
	if o.Agent == "" {
		o.Agent = p.Default()
	}
	ag, ok := p.Agent(o.Agent)
	if !ok {
		return Ran{}, &InputError{fmt.Sprintf("no agent %q", o.Agent)}
	}
	if err := o.place(&ag.Rules); err != nil {
		return Ran{}, err
	}
	c, err := a.profile(ag.Rules)
	if err != nil {
		return Ran{}, err
	}
	c.Network = policy.NetworkNone
	prog, ok := a.programs.Find(o.Argv[0], c.ReadRoots)
	if !ok {
		return Ran{}, fmt.Errorf("%q: command not found in confinement", o.Argv[0])
	}
	args, err := json.Marshal(a.redactor().Argv(o.Argv))
	if err != nil {
		return Ran{}, err
	}
	d, q := policy.OperatorRun(o.Agent, p.Generation, args, prog, c, newID(""))
	if _, err := a.journal.Append(ctx, journal.Entry{Event: journal.ExecCommand, Agent: o.Agent, Principal: o.By, Digest: d.Digest[:], Data: struct {
		Argv  json.RawMessage `json:"argv"`
		Level policy.Level    `json:"level"`
		By    string          `json:"by"`
	}{args, c.Level, "operator: sandbox run"}}); err != nil {
		return Ran{}, err
	}
	permit, err := d.Permit(q)
	if err != nil {
		return Ran{}, err
	}
	acc, err := a.accountOperator(ctx, ag.Rules)
	if err != nil {
		return Ran{}, err
	}
	defer acc(ctx)
	argv := append([]string{prog.Path}, o.Argv[1:]...)
	var stdout, stderr bytes.Buffer
	r, err := a.runner.Run(ctx, permit, sandbox.Cmd{Path: prog.Path, Args: argv, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}, Stdout: &stdout, Stderr: &stderr})
	return Ran{ExitCode: r.ExitCode, Signal: r.Signal, TimedOut: r.TimedOut, OutputCut: r.OutputCut, Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Enforced: r.Enforced, Witness: r.Witness}, err
}

// place says where an operator's command runs: as the agent's main session
// does, or at the level that was named.
func (o RunOptions) place(r *policy.Rules) error {
	c := &r.Confinement
	if o.Level == "" {
		*c = c.For(o.Agent, policy.MainSession(o.Agent))
		return nil
	}
	level, ok := policy.ParseLevel(o.Level)
	if !ok {
		return &InputError{fmt.Sprintf("level %q is not one of process, confined, isolated, container", o.Level)}
	}
	if level != policy.LevelContainer {
		c.Level, c.Container = level, nil
		return nil
	}
	if c.Container == nil {
		return &InputError{fmt.Sprintf("agent %q has no container: agents.defaults.sandbox.mode is off", o.Agent)}
	}
	in := *c.Container
	in.Sessions, in.Level = policy.ContainerAll, level
	c.Container = &in
	*c = c.For(o.Agent, policy.MainSession(o.Agent))
	return nil
}

// RunRefusal says whether an error of Run is a refusal, and what a person can
// do about it.
func RunRefusal(err error) (hint string, ok bool) {
	var level *sandbox.LevelError
	var witness *sandbox.WitnessError
	var access *sandbox.AccessError
	var mount *docker.MountError
	switch {
	case errors.As(err, &access):
		return access.Hint, true
	case errors.As(err, &mount):
		return "openclaw sandbox explain", true
	case errors.As(err, &level), errors.As(err, &witness), errors.Is(err, policy.ErrNoPermit), errors.Is(err, sandbox.ErrPermit):
		return "openclaw sandbox test", true
	}
	return "", false
}

// operatorRuns lets the owner run commands beside a gateway.
type operatorRuns struct{ app *App }

var _ gateway.OperatorRuns = operatorRuns{}

// Run implements gateway.OperatorRuns.
func (r operatorRuns) Run(ctx context.Context, q gateway.OperatorRun, by claw.Principal) (json.RawMessage, error) {
	ran, err := r.app.Run(ctx, RunOptions{Agent: q.Agent, Level: q.Level, Argv: q.Argv, By: by})
	var input *InputError
	switch hint, refusal := RunRefusal(err); {
	case err == nil:
		return json.Marshal(ran)
	case errors.As(err, &input):
		return nil, &gateway.Fault{Kind: gateway.Invalid, Message: err.Error()}
	case refusal:
		return nil, &gateway.Fault{Kind: gateway.Refused, Message: err.Error(), Hint: hint}
	}
	return nil, &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error()}
}
