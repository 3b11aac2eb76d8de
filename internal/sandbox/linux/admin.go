//go:build linux && (amd64 || arm64)

package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// Administer runs a system program with root's own rights, because changing the
// system is what an operator asked for in so many words: no gateway, agent or
// audit calls it. The program is one of the helper's paths that nobody but root
// can change; its environment is the helper's, its input empty. It refuses
// anybody but root.
func Administer(ctx context.Context, x sandbox.Helper, args []string) ([]byte, error) {
	if os.Geteuid() != 0 {
		return nil, &sandbox.HelperError{Name: x.Name, Why: "needs root"}
	}
	path, err := (&host{helpers: map[sandbox.HelperName]sandbox.Helper{x.Name: x}}).Installed(x.Name)
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	pid, err := syscall.ForkExec(path, append([]string{path}, args...), &syscall.ProcAttr{Dir: "/", Env: x.Env,
		Files: []uintptr{null.Fd(), w.Fd(), w.Fd()}, Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM}})
	_ = w.Close()
	if err != nil {
		return nil, &sandbox.HelperError{Name: x.Name, Why: err.Error()}
	}
	timeout := x.Timeout
	if timeout <= 0 {
		timeout = sandbox.DefaultHelperTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = unix.Kill(-pid, unix.SIGKILL) })
	defer stop()
	var out bytes.Buffer
	limit := x.OutputBytes
	if limit <= 0 {
		limit = sandbox.DefaultHelperOutput
	}
	_, _ = io.Copy(&out, io.LimitReader(r, limit))
	_, _ = io.Copy(io.Discard, r)
	var status syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err != nil:
		return out.Bytes(), err
	case ctx.Err() != nil:
		return out.Bytes(), &sandbox.HelperError{Name: x.Name, Why: "did not end in time"}
	case status.ExitStatus() != 0:
		return out.Bytes(), &sandbox.HelperError{Name: x.Name, Why: fmt.Sprintf("ended with %d: %.300s", status.ExitStatus(), bytes.TrimSpace(out.Bytes()))}
	}
	return out.Bytes(), nil
}
