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
	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
)

func TestMain(m *testing.M) {
	linux.MaybeStage()
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
	// program is what the image has at InsidePath; dir holds it.
	program []byte
	dir     string
	cmd     *exec.Cmd
	hold    io.WriteCloser
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
	// The program in the image is a static one, however these tests were built.
	if e.dir, e.err = os.MkdirTemp("", "inside"); e.err != nil {
		return
	}
	build := exec.Command("go", "build", "-o", e.dir+"/inside", "./testdata/inside")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		e.err = fmt.Errorf("%w: %s", err, out)
		return
	}
	if e.program, e.err = os.ReadFile(e.dir + "/inside"); e.err != nil {
		return
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		e.err = fmt.Errorf("%w; scripts/test-deps installs busybox-static", err)
		return
	}
	e.image, e.err = r.Build(Build{Tag: testTag, Program: e.program, Busybox: busybox, Version: "test"})
}

func (e *realEngine) stop() {
	if e.hold == nil {
		return
	}
	_ = e.hold.Close()
	_ = e.cmd.Wait()
	_ = os.RemoveAll(e.dir)
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
