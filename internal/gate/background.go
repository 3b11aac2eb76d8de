package gate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Bounds of background commands, per agent.
const (
	maxRunning  = 16
	maxFinished = 50
)

// Background keeps the background commands of all agents. They end with the
// gateway.
type Background struct {
	Now func() time.Time
	// Done is told when a command has ended; may be nil.
	Done func(claw.AgentID, claw.SessionKey, tool.Process)

	mu   sync.Mutex
	next int
	jobs map[claw.AgentID][]*job
}

type job struct {
	tool.Process
	session claw.SessionKey
	account *account
	out     *capped
	stdin   *io.PipeWriter
	proc    sandbox.Process
	done    chan struct{}
}

// Background starts a command, keeps it under an id of the agent's, and
// returns at once.
func (e Exec) Background(turn context.Context, p policy.Permit, c tool.Command) (string, error) {
	b := e.Jobs
	b.mu.Lock()
	running := 0
	for _, j := range b.jobs[e.Rules.Agent] {
		if j.Running {
			running++
		}
	}
	b.next++
	id := fmt.Sprintf("p%d", b.next)
	b.mu.Unlock()
	if running >= maxRunning {
		return "", fmt.Errorf("%d background commands are running already", running)
	}
	sealed, err := e.Sealer.seal(turn, p, c.Contents)
	if err != nil {
		return "", err
	}
	acc, err := e.Account.open(turn, p, c.Line)
	if err != nil {
		sealed.release()
		return "", err
	}
	r, w := io.Pipe()
	j := &job{Process: tool.Process{ID: id, Command: c.Text, Started: b.Now(), Running: true}, session: e.Account.Session, account: acc,
		out: &capped{max: keepBackground}, stdin: w, done: make(chan struct{})}
	cmd := e.command(c)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Sealed = r, j.out, j.out, sealed.files
	// The run outlives the turn that started it, not the gateway.
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if c.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
	}
	proc, err := e.Runner.Start(ctx, p, cmd)
	if err != nil {
		cancel()
		sealed.release()
		acc.close(ctx)
		return "", err
	}
	j.proc = proc
	b.add(e.Rules.Agent, j)
	go func() {
		defer cancel()
		res, err := proc.Wait()
		_ = r.CloseWithError(io.ErrClosedPipe)
		moved := sealed.moved()
		if len(moved) > 0 {
			acc.typed(unknownLabels)
		}
		sealed.release()
		acc.close(context.Background())
		b.finish(e.Rules.Agent, j, moved, res, err)
	}()
	return id, nil
}

func (b *Background) add(agent claw.AgentID, j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jobs == nil {
		b.jobs = map[claw.AgentID][]*job{}
	}
	list := append(b.jobs[agent], j)
	for len(list) > maxFinished {
		i := slices.IndexFunc(list, func(j *job) bool { return !j.Running })
		if i < 0 {
			break
		}
		list = slices.Delete(list, i, i+1)
	}
	b.jobs[agent] = list
}

func (b *Background) finish(agent claw.AgentID, j *job, moved []string, res sandbox.Result, err error) {
	report := reportOf(res)
	report.Replaced = moved
	b.mu.Lock()
	j.Running = false
	if err == nil {
		j.Report = &report
	}
	p := j.snapshot()
	b.mu.Unlock()
	close(j.done)
	if b.Done != nil {
		b.Done(agent, j.session, p)
	}
}

// Ended is a background command that StopAll ended.
type Ended struct {
	ID, Command string
	Pid         int
	// Gone is closed when the command and all that it started have ended.
	Gone <-chan struct{}
}

// StopAll ends the background commands of every agent.
func (b *Background) StopAll() []Ended {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Ended
	for _, list := range b.jobs {
		for _, j := range list {
			if !j.Running {
				continue
			}
			_ = j.proc.Kill() // one that has ended already is gone
			out = append(out, Ended{ID: j.ID, Command: j.Command, Pid: j.proc.Pid(), Gone: j.done})
		}
	}
	return out
}

func (j *job) snapshot() tool.Process {
	p := j.Process
	p.Bytes = j.out.size()
	return p
}

// agentJobs is one agent's view; another agent's commands are not in it.
type agentJobs struct {
	b     *Background
	agent claw.AgentID
	// labels of the session that looks.
	labels claw.Labels
}

func (a agentJobs) find(id string) (*job, error) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	for _, j := range a.b.jobs[a.agent] {
		if j.ID == id {
			return j, nil
		}
	}
	return nil, fmt.Errorf("there is no background command %q", id)
}

func (a agentJobs) List() []tool.Process {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	var out []tool.Process
	for _, j := range a.b.jobs[a.agent] {
		p := j.snapshot()
		p.Labels, p.From = j.account.labels(), "background command "+p.ID // what it was told to run is text too
		out = append(out, p)
	}
	return out
}

func (a agentJobs) Log(id string, offset, limit int) (tool.Process, string, error) {
	j, err := a.find(id)
	if err != nil {
		return tool.Process{}, "", err
	}
	labels, from := j.account.sofar(context.Background())
	lines := strings.SplitAfter(string(j.out.bytes()), "\n")
	lines = lines[min(max(offset, 0), len(lines)):]
	if limit > 0 && limit < len(lines) {
		lines = lines[:limit]
	}
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	snap := j.snapshot()
	snap.Labels, snap.From = labels, from
	return snap, strings.Join(lines, ""), nil
}

func (a agentJobs) Wait(ctx context.Context, id string, most time.Duration) (tool.Process, error) {
	j, err := a.find(id)
	if err != nil {
		return tool.Process{}, err
	}
	if most > 0 {
		t := time.NewTimer(most)
		defer t.Stop()
		select {
		case <-j.done:
		case <-t.C:
		case <-ctx.Done():
			return tool.Process{}, ctx.Err()
		}
	}
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	return j.snapshot(), nil
}

func (a agentJobs) Input(p policy.Permit, id string, data []byte, eof bool) error {
	if !p.Valid() {
		return policy.ErrNoPermit
	}
	j, err := a.find(id)
	if err != nil {
		return err
	}
	j.account.typed(a.labels) // from now on it knows what this session knows
	if _, err := j.stdin.Write(data); err != nil {
		return fmt.Errorf("%q does not read any more: %w", id, err)
	}
	if eof {
		return j.stdin.Close()
	}
	return nil
}

func (a agentJobs) Kill(id string) error {
	j, err := a.find(id)
	if err != nil {
		return err
	}
	return j.proc.Kill()
}

func (a agentJobs) Remove(id string) error {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	list := a.b.jobs[a.agent]
	for i, j := range list {
		if j.ID == id {
			if j.Running {
				return fmt.Errorf("%q is running; kill it first", id)
			}
			a.b.jobs[a.agent] = slices.Delete(list, i, i+1)
			return nil
		}
	}
	return fmt.Errorf("there is no background command %q", id)
}
