package gate

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Bounds of what is kept of a run's output.
const (
	keepOutput     = 1 << 20
	keepBackground = 200 << 10
)

// Exec runs the commands of one call; it is made anew for each, so that what
// it knows of the caller never outlives the decision.
type Exec struct {
	Runner   sandbox.Runner
	Programs *Programs
	Rules    policy.Rules
	Jobs     *Background
	// Account of what the runs read and write. Without it nothing is known of
	// either: their output is untrusted and private.
	Account Account
	// Sealer keeps what runs execute; without it only what nobody but root can
	// change is run.
	Sealer *Sealer
}

var _ tool.Exec = Exec{}

// Find names the program that a word means inside the confinement.
func (e Exec) Find(name string) (policy.Program, bool) {
	return e.Programs.Find(name, e.Rules.Confinement.ReadRoots)
}

// Processes are the background commands of the agent.
func (e Exec) Processes() tool.Processes {
	return agentJobs{b: e.Jobs, agent: e.Rules.Agent, labels: e.Account.Labels}
}

// Run runs a command to its end.
func (e Exec) Run(ctx context.Context, p policy.Permit, c tool.Command) (tool.Output, error) {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	sealed, err := e.Sealer.seal(ctx, p, c.Contents)
	if err != nil {
		return tool.Output{}, err
	}
	defer sealed.release()
	acc, err := e.Account.open(ctx, p, c.Line)
	if err != nil {
		return tool.Output{}, err
	}
	stdout, stderr := &capped{max: keepOutput}, &capped{max: keepOutput}
	cmd := e.command(c)
	cmd.Stdout, cmd.Stderr, cmd.Sealed = stdout, stderr, sealed.files
	res, err := e.Runner.Run(ctx, p, cmd)
	changed, labels, from := acc.close(ctx) // also of a run that went wrong
	if err != nil {
		return tool.Output{}, err
	}
	report := reportOf(res)
	if report.Replaced = sealed.moved(); len(report.Replaced) > 0 {
		labels, from = labels|unknownLabels, "a program that was replaced while it ran"
	}
	report.Cut = report.Cut || stdout.cut || stderr.cut
	return tool.Output{Stdout: stdout.bytes(), Stderr: stderr.bytes(), Report: report, Changed: changed, Labels: labels, From: from}, nil
}

// command builds what the runner gets: the judged argv and a clean
// environment that no file of the workspace can steer git through (R01).
func (e Exec) command(c tool.Command) sandbox.Cmd {
	env := map[string]string{
		"PATH": strings.Join(searchDirs(e.Rules.Confinement.ReadRoots), ":"),
		"LANG": "C.UTF-8", "TERM": "dumb", "OPENCLAW_SHELL": "exec",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "PAGER": "cat",
		"GIT_CONFIG_COUNT": "4",
		"GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "false",
		"GIT_CONFIG_KEY_1": "core.hooksPath", "GIT_CONFIG_VALUE_1": "/dev/null",
		"GIT_CONFIG_KEY_2": "safe.bareRepository", "GIT_CONFIG_VALUE_2": "explicit",
		// The workspace may belong to another uid than the run's.
		"GIT_CONFIG_KEY_3": "safe.directory", "GIT_CONFIG_VALUE_3": "*",
	}
	maps.Copy(env, c.Env)
	list := make([]string, 0, len(env))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		list = append(list, k+"="+env[k])
	}
	return sandbox.Cmd{Path: c.Argv[0], Args: c.Argv, Dir: c.Dir, Env: list, Stdin: c.Stdin}
}

func reportOf(r sandbox.Result) tool.RunReport {
	return tool.RunReport{ExitCode: r.ExitCode, Signal: r.Signal, TimedOut: r.TimedOut, Killed: r.Killed, Cut: r.OutputCut,
		Enforced: r.Enforced, Holds: r.Guarantees, Witness: r.Witness.Summary(), Took: r.Duration}
}

// capped keeps the beginning and the end of what is written to it.
type capped struct {
	mu   sync.Mutex
	max  int
	head bytes.Buffer
	tail []byte
	cut  bool
	all  int
}

func (c *capped) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b)
	c.all += n
	if room := c.max/2 - c.head.Len(); room > 0 {
		k := min(room, len(b))
		c.head.Write(b[:k])
		b = b[k:]
	}
	c.tail = append(c.tail, b...)
	if over := len(c.tail) - c.max/2; over > 0 {
		c.cut = true
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	return n, nil
}

func (c *capped) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(bytes.Clone(c.head.Bytes()), c.tail...)
}

func (c *capped) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}
