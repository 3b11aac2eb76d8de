package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed exec.md
var execText string

// Bounds of exec, upstream's defaults.
const (
	execDefaultTimeout = 30 * time.Minute
	execMaxTimeout     = 6 * time.Hour
	execMaxText        = 64 << 10 // of output that goes to the model
)

// Exec returns the tool "exec": run a command line in confinement.
func ExecTool() Tool { return execTool{} }

type execTool struct{}

type execArgs struct {
	Command        string            `json:"command"`
	Workdir        string            `json:"workdir,omitempty"`
	Env            map[string]string `json:"env,omitempty"`
	Background     bool              `json:"background,omitempty"`
	YieldMs        int               `json:"yieldMs,omitempty"`
	Timeout        int               `json:"timeout,omitempty"` // seconds
	TimeoutSeconds int               `json:"timeoutSeconds,omitempty"`
	Pty            bool              `json:"pty,omitempty"`
	Host           string            `json:"host,omitempty"`
	Security       string            `json:"security,omitempty"`
	Ask            string            `json:"ask,omitempty"`
	Elevated       bool              `json:"elevated,omitempty"`
}

func (execTool) Name() claw.ToolName { return "exec" }

func (execTool) Spec() Spec {
	return Spec{Text: execText, Schema: json.RawMessage(`{"type":"object","properties":{"command":{"type":"string"},"workdir":{"type":"string"},"env":{"type":"object","additionalProperties":{"type":"string"}},"background":{"type":"boolean"},"timeoutSeconds":{"type":"integer","minimum":1}},"required":["command"],"additionalProperties":false}`)}
}

func (execTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a execArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	if err := a.check(); err != nil {
		return Prepared{}, err
	}
	dir, err := workdir(s, a.Workdir)
	if err != nil {
		return Prepared{}, err
	}
	line := analyze(s, a.Command, dir)
	plan, planErr := plan(s, line, dir)
	p := Prepared{Arguments: canonical(a), Text: a.Command, Command: line.Display(), Warnings: warnings(line),
		Facts: policy.Facts{Understood: true, Exec: &line, Programs: plan.programs, Scripts: scripts(s, line), Cwd: dir, Env: a.Env, LaunchConfig: launchConfig(s, line), Hosts: hosts(line)}}
	if planErr != nil {
		p.Facts.Understood, p.Facts.Why = false, planErr.Error()
	}
	p.Run = func(ctx context.Context, permit policy.Permit) (Result, error) {
		if planErr != nil {
			return Result{Text: "cannot run this: " + planErr.Error(), IsError: true}, nil
		}
		c := Command{Argv: plan.argv, Dir: dir, Env: a.Env, Timeout: a.timeout(), Text: a.Command, Line: &line,
			Contents: slices.Concat(p.Facts.Programs, p.Facts.Scripts)}
		if a.Background {
			id, err := s.Exec.Background(ctx, permit, c)
			if err != nil {
				return Result{}, err
			}
			return Result{Text: fmt.Sprintf("started in the background as %s; see the tool \"process\"", id)}, nil
		}
		out, err := s.Exec.Run(ctx, permit, c)
		if err != nil {
			return Result{}, err
		}
		return out.result(), nil
	}
	return p, nil
}

// check refuses what this tool does not do, by name, so that a model does not
// believe that a request was honoured.
func (a *execArgs) check() error {
	if err := need("command", strings.TrimSpace(a.Command)); err != nil {
		return err
	}
	switch {
	case a.Pty:
		return fmt.Errorf("arguments: \"pty\" is not available")
	case a.Elevated:
		return fmt.Errorf("arguments: \"elevated\" is off; a run never exceeds the configured confinement")
	case a.Host != "" && a.Host != "auto" && a.Host != "sandbox" && a.Host != "gateway":
		return fmt.Errorf("arguments: host %q is not one of auto, sandbox, gateway", a.Host)
	}
	if a.Timeout == 0 {
		a.Timeout = a.TimeoutSeconds
	}
	a.TimeoutSeconds = 0
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		if !presentation(name) {
			return fmt.Errorf("arguments: env %q may not be set; only LANG, LC_*, TERM, COLORTERM, NO_COLOR, FORCE_COLOR", name)
		}
	}
	return nil
}

func presentation(name string) bool {
	switch name {
	case "LANG", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}

func (a *execArgs) timeout() time.Duration {
	if a.Timeout <= 0 {
		return execDefaultTimeout
	}
	return min(time.Duration(a.Timeout)*time.Second, execMaxTimeout)
}

func workdir(s Scope, dir string) (string, error) {
	if dir == "" {
		return s.Workspace, nil
	}
	p, err := s.Files.Resolve(dir)
	if err != nil {
		return "", err
	}
	if p.Abs != s.Workspace && !strings.HasPrefix(p.Abs, s.Workspace+"/") {
		return "", fmt.Errorf("workdir %q is outside the workspace", dir)
	}
	return p.Abs, nil
}

type runPlan struct {
	argv     []string
	programs []policy.Program
}

// plan makes the argv that will run: rebuilt from the judged tree with every
// program as the absolute path that was hashed.
func plan(s Scope, line cmdline.Facts, dir string) (runPlan, error) {
	var pl runPlan
	missing := ""
	// A relative name is found where the line begins, unless something moves.
	moves := slices.ContainsFunc(line.Commands, func(c cmdline.Command) bool {
		return len(c.Via) > 0 || slices.Contains([]string{"", "cd", "pushd", "popd", "eval", "source", "."}, c.Program)
	})
	argv, err := line.Script(func(name string) (string, bool) {
		at := name
		if strings.Contains(name, "/") && !strings.HasPrefix(name, "/") && !moves {
			at = path.Join(dir, name)
		}
		prog, ok := s.Exec.Find(at)
		if !ok {
			missing = name
			return "", false
		}
		if !slices.Contains(pl.programs, prog) {
			pl.programs = append(pl.programs, prog)
		}
		return prog.Path, true
	})
	if missing != "" {
		return pl, fmt.Errorf("%q: command not found in confinement", missing)
	}
	if err != nil {
		return pl, err
	}
	pl.argv = argv
	return pl, nil
}

// warnings are what a person must know before allowing a command.
func warnings(line cmdline.Facts) []string {
	var out []string
	for _, p := range line.Problems {
		out = append(out, p.Text)
	}
	for _, c := range line.Commands {
		if c.Text.Origin >= cmdline.OriginOutput {
			out = append(out, c.Program+" runs code that is not written in the line")
		}
		out = append(out, c.Inline...)
		for _, u := range c.Unchecked {
			out = append(out, "known only at run time: "+u)
		}
		for _, d := range c.RawDisk {
			out = append(out, "writes the raw disk "+d)
		}
		if c.DeletesTree {
			out = append(out, c.Program+" deletes whole folders without asking")
		}
	}
	return out
}

func launchConfig(s Scope, line cmdline.Facts) []policy.LaunchConfig {
	var out []policy.LaunchConfig
	for _, f := range cmdline.LaunchFiles(line) {
		if c, ok := s.Files.Launch(f); ok {
			out = append(out, c)
		}
	}
	return out
}

// scripts are the files whose text the line would run, each at its content.
func scripts(s Scope, line cmdline.Facts) []policy.Program {
	var out []policy.Program
	for i := range line.Commands {
		for _, u := range line.Commands[i].Scripts {
			for _, p := range u.Paths {
				c, ok := s.Files.Launch(p)
				if ok && !slices.ContainsFunc(out, func(o policy.Program) bool { return o.Path == p }) {
					out = append(out, policy.Program{Path: p, SHA256: c.SHA256})
				}
			}
		}
	}
	return out
}

// result reports a run to the model: output first, then how it ended.
func (o Output) result() Result {
	var b strings.Builder
	b.WriteString(textOf(o.Stdout))
	if len(o.Stderr) > 0 {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
		b.WriteString(textOf(o.Stderr))
	}
	r := o.Report
	switch {
	case r.Killed:
		fmt.Fprintf(&b, "\n(stopped before it had finished)")
	case r.TimedOut:
		fmt.Fprintf(&b, "\n(stopped: it ran longer than allowed)")
	case r.Signal != "":
		fmt.Fprintf(&b, "\n(ended by signal %s)", r.Signal)
	case r.ExitCode != 0:
		fmt.Fprintf(&b, "\n(exit status %d)", r.ExitCode)
	}
	if r.Cut {
		b.WriteString("\n(output was cut)")
	}
	for _, name := range r.Replaced {
		fmt.Fprintf(&b, "\n(%s was replaced while this ran: what ran may not be what was judged)", name)
	}
	return Result{Text: b.String(), IsError: r.ExitCode != 0 || r.Signal != "" || r.TimedOut, Labels: o.Labels, From: o.From, Content: true, Run: &r, Changed: o.Changed}
}

func textOf(b []byte) string {
	if !utf8.Valid(b) {
		return fmt.Sprintf("(%d bytes, not text)", len(b))
	}
	if len(b) > execMaxText {
		half := execMaxText / 2
		return string(b[:half]) + "\n…\n" + string(b[len(b)-half:])
	}
	return string(b)
}
