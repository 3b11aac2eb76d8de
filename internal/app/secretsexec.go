package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// secretPrograms starts the programs of exec providers through the launcher:
// without a shell, with the environment that the vault made, and only when
// nobody but root can change them.
type secretPrograms struct{ app *App }

var _ vault.Starter = secretPrograms{}

const secretProgram = sandbox.HelperName("secret provider")

// Start implements vault.Starter. The record has the program first.
func (s secretPrograms) Start(ctx context.Context, h vault.Helper) ([]byte, error) {
	hosts, ok := s.app.machine.(interface {
		Host(list []sandbox.Helper) (sandbox.Host, error)
	})
	if !ok {
		return nil, errNoHelpers
	}
	host, err := hosts.Host([]sandbox.Helper{{Name: secretProgram, Paths: []string{h.Argv[0]}, Env: h.Env, Identity: sandbox.IdentityGateway,
		Level: policy.LevelProcess, Timeout: h.Timeout, OutputBytes: h.MaxOutput + 1}})
	if err != nil {
		return nil, err
	}
	if _, err := s.app.journal.Append(ctx, journal.Entry{Event: journal.SecretUse, Data: struct {
		For     string `json:"for"`
		Program string `json:"program"`
	}{"an exec reference", h.Argv[0]}}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &talking{stop: time.AfterFunc(h.NoOutputTimeout, cancel), silence: h.NoOutputTimeout, limit: h.MaxOutput, full: cancel}
	defer out.stop.Stop()
	p, err := host.Start(ctx, secretProgram, h.Argv[1:], sandbox.Stdio{Stdin: h.Stdin, Stdout: out})
	if err != nil {
		return nil, err
	}
	res, err := p.Wait()
	switch {
	case err != nil:
		return nil, err
	case out.tooMuch():
		return out.bytes(), nil // the vault says that it is too much
	case res.TimedOut || res.Killed:
		return nil, errors.New("it did not answer in time")
	case res.ExitCode != 0:
		return nil, fmt.Errorf("it ended with %d", res.ExitCode)
	}
	return out.bytes(), nil
}

// talking keeps what a program prints and ends one that is silent for too long
// or prints too much.
type talking struct {
	stop    *time.Timer
	silence time.Duration
	limit   int64
	full    func()

	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *talking) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop.Reset(t.silence)
	room := max(0, t.limit+1-int64(t.buf.Len()))
	t.buf.Write(b[:min(int64(len(b)), room)])
	if int64(t.buf.Len()) > t.limit {
		t.full()
	}
	return len(b), nil
}

func (t *talking) tooMuch() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.buf.Len()) > t.limit
}

func (t *talking) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Bytes()
}

// execLife is how long a program's answer is used before it is asked again.
const execLife = 5 * time.Minute

// answers keeps what programs answered, so that not every request starts one.
type answers struct {
	mu   sync.Mutex
	kept map[string]heldAnswer
}

type heldAnswer struct {
	value vault.Secret
	until time.Time
}

// get gives a fresh answer, or the one that ask gives now.
func (a *answers) get(ref string, now time.Time, ask func() (vault.Secret, error)) (vault.Secret, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k, ok := a.kept[ref]; ok && now.Before(k.until) {
		return k.value, nil
	}
	v, err := ask()
	if err != nil {
		return v, err
	}
	if a.kept == nil {
		a.kept = map[string]heldAnswer{}
	}
	a.kept[ref] = heldAnswer{v, now.Add(execLife)}
	return v, nil
}

// forget asks every program again.
func (a *answers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept = nil
}
