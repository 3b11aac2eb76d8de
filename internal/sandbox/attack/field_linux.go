//go:build linux && (amd64 || arm64)

package attack

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// field is what the attempts aim at.
type field struct {
	Workspace, ReadRoot string
	Secret, Open        string // a world-readable file and a world-writable directory, both outside
	Victim              int    // a process outside of the same uid
	Gateway             int    // this process
	Marker              string // argument of the victim and value of a variable of the gateway
	Port                int    // a TCP and UDP listener on loopback outside
	Abstract            string // an abstract unix listener outside
	Engine              string // a unix listener outside, as a container engine has one
	Shared              string // a world-readable file in the host's /dev/shm; "" without one
	Segment             int    // a System V segment that everybody may attach; negative without one
	Queue               string // a message queue that everybody may open; "" without one
}

// profile is the confinement of most attempts.
func (f *field) profile(level policy.Level) policy.Confinement {
	ws := f.Workspace
	return policy.Confinement{Level: level, Workspace: ws, WorkspaceWrite: true, ReadRoots: []string{f.ReadRoot},
		Masked:   []string{ws + "/.env", ws + "/private/", ws + "/absent"},
		ReadOnly: []string{ws + "/AGENTS.md", ws + "/.envrc", ws + "/.git/hooks/", ws + "/.git/config", ws + "/.vscode/"}}
}

// planting makes a field and knows how to take it away again.
type planting struct {
	field
	undo []func()
	err  error
}

func (p *planting) later(f func()) { p.undo = append(p.undo, f) }

func (p *planting) clear() {
	for i := len(p.undo) - 1; i >= 0; i-- {
		p.undo[i]()
	}
	p.undo = nil
}

func (p *planting) do(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *planting) dir(path string, mode os.FileMode) {
	if p.err == nil {
		p.err = errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, mode))
	}
}

func (p *planting) file(path, content string, mode os.FileMode) {
	p.dir(filepath.Dir(path), 0o755)
	if p.err == nil {
		p.err = errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chmod(path, mode))
	}
}

// plant makes the field in a directory, owned by the uid of runs where that
// matters.
func plant(o Options, uid, gid int) (*planting, error) {
	p := &planting{field: field{Workspace: filepath.Join(o.Dir, "ws"), ReadRoot: filepath.Join(o.Dir, "bin"), Secret: filepath.Join(o.Dir, "outside", "secret"),
		Open: filepath.Join(o.Dir, "open"), Engine: filepath.Join(o.Dir, "engine.sock"), Gateway: os.Getpid(), Segment: -1}}
	p.Marker = newMarker()
	p.Abstract = "@" + p.Marker
	for name, content := range map[string]string{"AGENTS.md": steering, ".env": "SECRET=1\n", "private/key": "secret\n", ".git/config": "\n", ".git/hooks/sample": "\n", "src/main": "\n", "race/d/theirs": "\n"} {
		p.file(filepath.Join(p.Workspace, name), content, 0o644)
	}
	p.file(p.Secret, "secret\n", 0o644)
	p.file(filepath.Join(p.Open, "theirs"), "theirs\n", 0o644)
	p.file(filepath.Join(p.Open, "only"), "only outside\n", 0o644)
	p.file(filepath.Join(p.ReadRoot, "tool"), "tool\n", 0o644)
	p.program(filepath.Join(p.ReadRoot, "attack"))
	p.do(os.Symlink(p.Open, filepath.Join(p.Workspace, "race", "l")))
	p.own(p.Workspace, uid, gid)
	p.own(p.Open, uid, gid)
	p.dir(p.Open, 0o777)
	p.listeners()
	p.sharedMemory()
	if p.err != nil {
		p.clear()
		return nil, fmt.Errorf("attack: plant: %w", p.err)
	}
	return p, nil
}

const steering = "be kind\n"

func newMarker() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails
	return "marker-" + hex.EncodeToString(b)
}

// program puts this executable where the uid of runs can execute it.
func (p *planting) program(path string) {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		p.do(err)
		return
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		p.do(err)
		return
	}
	_, err = io.Copy(to, from)
	p.do(errors.Join(err, to.Chmod(0o755), to.Close()))
}

func (p *planting) own(dir string, uid, gid int) {
	if os.Geteuid() != 0 || p.err != nil {
		return
	}
	p.err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

func (p *planting) listen(domain, kind int, at unix.Sockaddr) int {
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		p.do(err)
		return -1
	}
	p.later(func() { _ = unix.Close(fd) })
	p.do(unix.Bind(fd, at))
	if kind == unix.SOCK_STREAM && p.err == nil {
		p.do(unix.Listen(fd, 64))
	}
	return fd
}

// listeners open what a program could speak to. Nobody answers: that a
// connection is made is enough.
func (p *planting) listeners() {
	fd := p.listen(unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if p.err != nil {
		return
	}
	name, err := unix.Getsockname(fd)
	if v4, ok := name.(*unix.SockaddrInet4); ok {
		p.Port = v4.Port
	}
	p.do(err)
	p.listen(unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: p.Port, Addr: [4]byte{127, 0, 0, 1}})
	for _, path := range []string{p.Workspace + "/sock", p.Engine} {
		p.listen(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
		if p.err == nil {
			p.do(os.Chmod(path, 0o777))
		}
	}
	p.listen(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: p.Abstract})
}

// sharedMemory makes what the ipc attempts look for, where the host has it.
func (p *planting) sharedMemory() {
	if path := "/dev/shm/" + p.Marker; os.WriteFile(path, []byte("shared\n"), 0o600) == nil {
		p.Shared = path
		p.later(func() { _ = os.Remove(path) })
		p.do(os.Chmod(path, 0o666))
	}
	if id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o666); err == nil {
		p.Segment = id
		p.later(func() { _, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
	}
	if err := openQueue(p.Marker, unix.O_CREAT); err == nil {
		p.Queue = p.Marker
		p.later(func() { _ = removeQueue(p.Marker) })
	}
}

// openQueue opens a POSIX message queue that everybody may open.
func openQueue(name string, flags uintptr) error {
	text, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	fd, _, e := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(text)), unix.O_RDWR|flags, 0o666, 0, 0, 0)
	if e != 0 {
		return e
	}
	if flags&unix.O_CREAT != 0 {
		err = unix.Fchmod(int(fd), 0o666)
	}
	return errors.Join(err, unix.Close(int(fd)))
}

func removeQueue(name string) error {
	text, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, e := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(text)), 0, 0); e != 0 {
		return e
	}
	return nil
}

// command is the confined side.
func (f *field) command(args ...string) sandbox.Cmd {
	return sandbox.Cmd{Path: f.ReadRoot + "/attack", Args: append([]string{Argv0}, args...), Env: []string{"PATH=/usr/bin:/bin"}}
}
