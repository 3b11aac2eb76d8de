package docker

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
)

func TestMain(m *testing.M) {
	MaybeInside()
	attack.MaybeInside()
	code := m.Run()
	real.stop()
	os.Exit(code)
}

// realEngine is a Docker of these tests' own, started by the first that needs it.
type realEngine struct {
	once   sync.Once
	socket string
	image  Built
	err    error
	cmd    *exec.Cmd
	hold   io.WriteCloser
}

var real realEngine

const testTag = "openclaw-sandbox:test"

func (e *realEngine) start() {
	e.cmd = exec.Command("../../../scripts/with-dockerd")
	e.cmd.Stderr = os.Stderr
	var out io.ReadCloser
	if out, e.err = e.cmd.StdoutPipe(); e.err != nil {
		return
	}
	if e.hold, e.err = e.cmd.StdinPipe(); e.err != nil {
		return
	}
	if e.err = e.cmd.Start(); e.err != nil {
		return
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if e.err = err; err != nil {
		return
	}
	e.socket = strings.TrimSpace(line)
	r, err := New(Options{Socket: e.socket, Dir: os.TempDir(), Home: "build", UID: 1000, GID: 1000})
	if e.err = err; err != nil {
		return
	}
	program, err := os.ReadFile("/proc/self/exe")
	if e.err = err; err != nil {
		return
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		e.err = fmt.Errorf("%w; scripts/test-deps installs busybox-static", err)
		return
	}
	e.image, e.err = r.Build(Build{Tag: testTag, Program: program, Busybox: busybox, Version: "test"})
}

func (e *realEngine) stop() {
	if e.hold == nil {
		return
	}
	_ = e.hold.Close()
	_ = e.cmd.Wait()
}

// engineFor gives the engine's socket and the pinned image.
func engineFor(t *testing.T) (socket string, image Built) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("starting an engine of its own needs root")
	}
	real.once.Do(real.start)
	if real.err != nil {
		t.Fatalf("the engine: %v", real.err)
	}
	return real.socket, real.image
}

