//go:build linux && (amd64 || arm64)

package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// process is one command in its container.
type process struct {
	r       *Runner
	id      string
	stream  *attached
	frames  *frames
	begun   time.Time
	limits  policy.Limits
	undo    func()
	pid     int
	witness sandbox.Witness
	held    policy.Guarantees
	stdout  io.Writer
	stderr  io.Writer

	mu       sync.Mutex
	killed   bool
	timedOut bool
	kill     sync.Once
	killErr  error

	done   chan struct{}
	result sandbox.Result
	err    error
}

func (x *process) create(ctx context.Context, name string, want created) error {
	var made struct {
		ID string `json:"Id"`
	}
	name = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, name)
	if err := x.r.engine.call(ctx, http.MethodPost, "/containers/create?name="+url.QueryEscape(name+"-"+nonce()[:12]), want, &made); err != nil {
		return err
	}
	x.id = made.ID
	x.r.mu.Lock()
	x.r.mine[x.id] = struct{}{}
	x.r.mu.Unlock()
	return nil
}

// begin attaches, starts, and asks the engine what runs now.
func (x *process) begin(ctx context.Context) (*inspected, error) {
	var err error
	if x.stream, err = x.r.engine.attach(ctx, x.id); err != nil {
		return nil, err
	}
	x.frames = &frames{r: x.stream, w: x.stream}
	if err := x.r.engine.call(ctx, http.MethodPost, x.path("/start"), nil, nil); err != nil {
		return nil, err
	}
	var seen inspected
	if err := x.r.engine.call(ctx, http.MethodGet, x.path("/json"), nil, &seen); err != nil {
		return nil, err
	}
	x.pid = seen.State.Pid
	return &seen, nil
}

func (x *process) path(rest string) string { return "/containers/" + url.PathEscape(x.id) + rest }

// admit judges the container and lets its program go, in the time of one call.
func (x *process) admit(ctx context.Context, v *verdict, want policy.Level) error {
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	stop := context.AfterFunc(limited, x.stream.close)
	defer stop()
	err := x.judge(v, want)
	if err == nil {
		err = x.release(v.order.Path)
	}
	if err != nil && limited.Err() != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("sandbox: container: it did not answer within %s: %w", callLimit, err)
	}
	return err
}

// judge has the first process restrict a task, and compares what it found. A
// miss, or a guarantee of the wanted level that is not held, refuses.
func (x *process) judge(v *verdict, want policy.Level) error {
	if err := x.frames.send(kindSpec, v.order); err != nil {
		return fmt.Errorf("sandbox: container: %w", err)
	}
	b, err := x.frames.expect(kindReport)
	if err != nil {
		return fmt.Errorf("sandbox: container: it reported nothing: %w", err)
	}
	var rep report
	if err := json.Unmarshal(b, &rep); err != nil {
		return fmt.Errorf("sandbox: container: report: %w", err)
	}
	outside, err := os.ReadFile("/proc/" + strconv.Itoa(x.pid) + "/status")
	if err != nil {
		v.miss("the first process cannot be seen from outside: %v", err)
	}
	x.held = v.inside(&rep, string(outside), x.r.host)
	x.witness = v.witness
	if len(v.misses) > 0 {
		return &sandbox.WitnessError{Misses: v.misses, Witness: x.witness}
	}
	if missing := want.Guarantees() &^ x.held; missing != 0 {
		return &sandbox.LevelError{Want: want, Got: policy.LevelContainer, Missing: missing.Names(), Kernel: "a container does not have it; tools.exec.level: \"container\" asks for what a container holds"}
	}
	if rep.Exec != nil {
		return execError(v.order.Path, *rep.Exec)
	}
	return nil
}

func execError(path string, f failure) error {
	if f.Errno == 0 {
		return &sandbox.ExecError{Path: path, Err: errors.New(f.Text)}
	}
	return &sandbox.ExecError{Path: path, Err: syscall.Errno(f.Errno)}
}

// release lets the program go and returns when it was executed.
func (x *process) release(path string) error {
	if err := x.frames.write(kindGo, nil); err != nil {
		return fmt.Errorf("sandbox: container: %w", err)
	}
	k, b, err := x.frames.read()
	switch {
	case err != nil:
		return fmt.Errorf("sandbox: container: it ended before its program began: %w", err)
	case k == kindBegun:
		return nil
	case k == kindFail:
		var f failure
		if err := json.Unmarshal(bytes.TrimSpace(b), &f); err != nil {
			return fmt.Errorf("sandbox: container: %w", err)
		}
		return execError(path, f)
	}
	return fmt.Errorf("sandbox: container: found frame %q, expected the beginning", k)
}

// follow passes the streams on until the end.
func (x *process) follow(ctx context.Context, c sandbox.Cmd) {
	limit := time.AfterFunc(timeoutOf(x.limits), func() { x.end(true) })
	stop := context.AfterFunc(ctx, func() { x.end(errors.Is(ctx.Err(), context.DeadlineExceeded)) })
	go x.feed(c.Stdin)
	go func() {
		d := x.drain()
		limit.Stop()
		stop()
		x.finish(d)
	}()
}

func (x *process) feed(in io.Reader) {
	if in != nil {
		buf := make([]byte, 32<<10)
		for {
			n, err := in.Read(buf)
			if n > 0 && x.frames.write(kindIn, buf[:n]) != nil {
				return
			}
			if err != nil {
				break
			}
		}
	}
	_ = x.frames.write(kindInEnd, nil)
}

// drain passes output on, as much as is kept of it, until the program ended. It
// returns nil when the container ended without a word.
func (x *process) drain() *ended {
	left := x.limits.OutputBytes
	if left <= 0 {
		left = defaultOutput
	}
	for {
		k, b, err := x.frames.read()
		if err != nil {
			return nil
		}
		var to io.Writer
		switch k {
		case kindOut:
			to = x.stdout
		case kindErr:
			to = x.stderr
		case kindDone:
			var d ended
			if json.Unmarshal(b, &d) != nil {
				return nil
			}
			return &d
		case kindSpec, kindGo, kindIn, kindInEnd, kindReport, kindFail, kindBegun:
			return nil
		}
		keep := b[:min(int64(len(b)), left)]
		left -= int64(len(keep))
		if len(keep) < len(b) {
			x.result.OutputCut = true
		}
		if to != nil && len(keep) > 0 {
			_, _ = to.Write(keep) // who does not read loses it
		}
	}
}

// finish makes the result once nothing of the container lives.
func (x *process) finish(d *ended) {
	x.remove()
	x.undo()
	x.mu.Lock()
	x.result.Killed, x.result.TimedOut = x.killed && !x.timedOut, x.timedOut
	x.mu.Unlock()
	x.result.ExitCode, x.result.Enforced, x.result.Guarantees = -1, policy.LevelContainer, x.held
	x.result.Witness, x.result.Duration = x.witness, time.Since(x.begun)
	switch {
	case d == nil:
		x.result.Signal = unix.SignalName(unix.SIGKILL)
	case d.Signal != 0:
		x.result.Signal = unix.SignalName(syscall.Signal(d.Signal))
	default:
		x.result.ExitCode = d.Code
	}
	if x.result.Killed || x.result.TimedOut {
		x.result.ExitCode = -1
	}
	x.r.mu.Lock()
	delete(x.r.runs, x)
	x.r.mu.Unlock()
	close(x.done)
}

// end kills the container, and with its first process everything in it.
func (x *process) end(late bool) {
	x.mu.Lock()
	if !x.killed {
		x.killed, x.timedOut = true, late
	}
	x.mu.Unlock()
	x.kill.Do(func() {
		err := x.r.engine.call(context.Background(), http.MethodPost, x.path("/kill?signal=KILL"), nil, nil)
		if s := statusOf(err); err != nil && s != http.StatusNotFound && s != http.StatusConflict {
			x.killErr = err
		}
		if x.killErr != nil {
			// Without its gateway the first process ends by itself.
			x.stream.close()
		}
	})
}

// remove takes the container away; it is dead then.
func (x *process) remove() {
	if x.stream != nil {
		x.stream.close()
	}
	if x.id == "" {
		return
	}
	err := x.r.engine.call(context.Background(), http.MethodDelete, x.path("?force=1&v=1"), nil, nil)
	if s := statusOf(err); err != nil && s != http.StatusNotFound && s != http.StatusConflict {
		x.r.opts.Log.Error("a container could not be removed", "container", x.id, "error", err)
	}
	x.r.mu.Lock()
	delete(x.r.mine, x.id)
	x.r.mu.Unlock()
}

// Pid implements sandbox.Process.
func (x *process) Pid() int { return x.pid }

// Witness implements sandbox.Process.
func (x *process) Witness() sandbox.Witness { return x.witness }

// Kill implements sandbox.Process.
func (x *process) Kill() error {
	select {
	case <-x.done:
		return nil
	default:
	}
	x.end(false)
	return x.killErr
}

// Wait implements sandbox.Process.
func (x *process) Wait() (sandbox.Result, error) {
	<-x.done
	return x.result, x.err
}
