//go:build linux && (amd64 || arm64)

package docker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// kind of a frame between the gateway and the first process of a container.
type kind byte

// Kinds of frames.
const (
	kindSpec   kind = 'S' // to the container: what to run
	kindGo     kind = 'G' // to the container: the witness was accepted
	kindIn     kind = 'I' // to the container: input
	kindInEnd  kind = 'E' // to the container: end of input
	kindReport kind = 'R' // from it: what the restricted task found
	kindFail   kind = 'F' // from it: the program could not be executed
	kindBegun  kind = 'B' // from it: the program runs
	kindOut    kind = 'O' // from it: output
	kindErr    kind = 'X' // from it: error output
	kindDone   kind = 'D' // from it: how the program ended; everything is dead
)

// maxFrame bounds one frame.
const maxFrame = 1 << 20

// frames reads and writes frames; writing is safe for concurrent use.
type frames struct {
	r io.Reader

	mu sync.Mutex
	w  io.Writer
}

func (f *frames) write(k kind, b []byte) error {
	if len(b) > maxFrame {
		return fmt.Errorf("sandbox: frame %q of %d bytes is too long", k, len(b))
	}
	head := make([]byte, 5, 5+len(b))
	head[0] = byte(k)
	binary.BigEndian.PutUint32(head[1:], uint32(len(b)))
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.w.Write(append(head, b...))
	return err
}

func (f *frames) send(k kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.write(k, b)
}

func (f *frames) read() (kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("sandbox: frame %q of %d bytes is too long", head[0], n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(f.r, b); err != nil {
		return 0, nil, err
	}
	return kind(head[0]), b, nil
}

// expect reads a frame that must be of one kind.
func (f *frames) expect(want kind) ([]byte, error) {
	k, b, err := f.read()
	if err == nil && k != want {
		err = fmt.Errorf("sandbox: found frame %q, expected %q", k, want)
	}
	return b, err
}

// order is what the first process is asked to run.
type order struct {
	Nonce   string   `json:"nonce"`
	Path    string   `json:"path"`
	Args    []string `json:"args"`
	Env     []string `json:"env"`
	Dir     string   `json:"dir"`
	Filter  []byte   `json:"filter"`  // system call filter, as the kernel reads it
	Targets []string `json:"targets"` // mount points to look at
	// MustWrite is a directory that the run may write, else "".
	MustWrite string `json:"mustWrite,omitempty"`
	// LimitMs ends everything from within, should nobody be left outside to.
	LimitMs int64 `json:"limitMs"`
}

// report is what the restricted task found, before the program is executed.
type report struct {
	Nonce   string            `json:"nonce"`
	Status  string            `json:"status"`
	NS      map[string]string `json:"ns"`
	Mounts  string            `json:"mounts"`
	Limits  string            `json:"limits"`
	FDs     []int             `json:"fds"`
	EnvHash string            `json:"envHash"`
	Memory  string            `json:"memory"` // of the cgroup
	Pids    string            `json:"pids"`
	Others  int               `json:"others"` // processes beside the first and this one
	Found   map[string]found  `json:"found"`  // by target
	Probes  map[string]string `json:"probes"` // outcome by name
	Write   string            `json:"write,omitempty"`
	// Exec is why the program cannot be executed, as far as can be told.
	Exec *failure `json:"exec,omitempty"`
}

// found is what stands at a mount point.
type found struct {
	Dev, Ino uint64
	ReadOnly bool
	Err      string `json:",omitempty"`
}

// ended is how a program ended.
type ended struct {
	Code   int    `json:"code"`
	Signal int    `json:"signal"`
	Error  string `json:"error,omitempty"`
}

// failure of an exec.
type failure struct {
	Errno int    `json:"errno"`
	Text  string `json:"text"`
}
