// Package docker runs each command in a container of its own. It refuses an
// image that no operator pinned, a mount that leads to the host, and a container
// that turns out, once it runs, to be another one than was asked for.
package docker

import (
	"fmt"
	"log/slog"
	"time"
)

// Options of a Runner.
type Options struct {
	// Socket of the container engine; empty refuses every run with Why.
	Socket string
	// Why there is no engine to use.
	Why string
	// Dir is private to the runner: masks, placeholders' notes, private folders.
	Dir string
	// Home names this gateway's home among others on the same engine.
	Home string
	// Forbidden are places that no mount may show: the state directory, the
	// user's credentials. A workspace beneath them may be shown.
	Forbidden []string
	// UID and GID of runs.
	UID, GID int
	Log      *slog.Logger
	Now      func() time.Time
}

// Labels of containers and images.
const (
	labelHome   = "openclaw.home"
	labelConfig = "openclaw.configHash"
	labelAgent  = "openclaw.agent"
	labelRun    = "openclaw.run"
	labelStage  = "openclaw.stage" // SHA-256 of the program at InsidePath
)

// Contained is a container or a private folder of this home.
type Contained struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind"` // "container" or "folder"
	Agent      string    `json:"agent,omitempty"`
	Image      string    `json:"image,omitempty"`
	State      string    `json:"state,omitempty"`
	ConfigHash string    `json:"configHash,omitempty"`
	Since      time.Time `json:"since"`
	Used       time.Time `json:"used,omitzero"`
}

// Which containers and folders are meant; the zero value is all.
type Which struct {
	// Folder is the name of one private folder.
	Folder string
}

// Build says how to make an image.
type Build struct {
	// Tag of the image.
	Tag string
	// From is a local image to build on; empty builds on nothing, with Busybox.
	From string
	// Program is this program, Busybox a static busybox.
	Program, Busybox []byte
	// Version is a label.
	Version string
	// Say gets the engine's words; nil is silent.
	Say func(string)
}

// Built is an image that was made.
type Built struct {
	Tag string `json:"tag"`
	ID  string `json:"id"`
}

// MountError refuses a run because of what its container would be shown.
type MountError struct{ Source, Why string }

func (e *MountError) Error() string { return fmt.Sprintf("sandbox: mount of %q: %s", e.Source, e.Why) }
