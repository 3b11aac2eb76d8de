// Package lockdown keeps whether a home is stopped. It refuses to read a
// damaged note as a home that runs.
package lockdown

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// Mode is how much may happen.
type Mode string

// Modes.
const (
	Running Mode = ""        // everything as configured
	Talk    Mode = "talk"    // agents answer and reach nothing
	Stopped Mode = "stopped" // nothing runs and nobody is answered
)

// Item is one thing that a lockdown does, with what became of it.
type Item struct {
	What   string `json:"what"`
	Done   bool   `json:"done"`
	Detail string `json:"detail,omitempty"`
}

// State of a home. Items are those of the last lockdown.
type State struct {
	Mode  Mode      `json:"mode"`
	Since time.Time `json:"since,omitzero"`
	By    string    `json:"by,omitempty"`
	Why   string    `json:"why,omitempty"`
	Items []Item    `json:"items,omitempty"`
}

// Names of the note and of the space that is kept for it when the disk is full.
const (
	File    = "lockdown.json"
	Reserve = "lockdown.reserve"
)

const (
	reserveBytes = 64 << 10
	maxBytes     = 1 << 20
)

// Book keeps the state of one home. It may be used from several goroutines.
type Book struct {
	path, reserve string
	mu            sync.Mutex
	state         atomic.Pointer[State]
}

// Open reads the note in a state directory. A note that cannot be read means
// stopped; the error says why and the book is usable.
func Open(dir string) (*Book, error) {
	b := &Book{path: filepath.Join(dir, File), reserve: filepath.Join(dir, Reserve)}
	s, err := read(b.path)
	b.state.Store(&s)
	return b, err
}

// Peek reads the state of a home without opening it.
func Peek(dir string) (State, error) { return read(filepath.Join(dir, File)) }

func read(path string) (State, error) {
	data, err := atomicfile.Read(path, maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	var s State
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err == nil && s.Mode != Running && s.Mode != Talk && s.Mode != Stopped {
		err = fmt.Errorf("mode %q is not one of talk, stopped", s.Mode)
	}
	if err != nil {
		return State{Mode: Stopped, Why: "the note of the lockdown cannot be read"}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// State is what holds now.
func (b *Book) State() State { return *b.state.Load() }

// Keep makes sure that a lockdown can be written when the disk is full.
func (b *Book) Keep() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if fi, err := os.Lstat(b.reserve); err == nil && fi.Size() == reserveBytes {
		return nil
	}
	return atomicfile.Write(b.reserve, make([]byte, reserveBytes))
}

// Set puts a state in force at once, and then on the disk, where it lasts over
// a restart. An error means that only a restart would forget it.
func (b *Book) Set(s State) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Store(&s)
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err = atomicfile.Write(b.path, data); err == nil {
		return nil
	}
	if rerr := os.Remove(b.reserve); rerr != nil {
		return err
	}
	return atomicfile.Write(b.path, data)
}
