// Package files is what agents may touch on disk: handles beneath roots, the
// labels of what was written, and what changed. It refuses links out, hard
// links, devices, mounts and whatever changed between a check and its use.
package files

import (
	"errors"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Errors a caller may branch on. The messages around them name the file.
var (
	// ErrNotPermitted: the permit covers no effect.
	ErrNotPermitted = errors.New("files: not permitted")
	// ErrOutside: the path is beneath no root, or left it through a link.
	ErrOutside = errors.New("files: outside every root")
	// ErrNotRegular: a FIFO, device, socket or directory stands there.
	ErrNotRegular = errors.New("files: not a regular file")
	// ErrHardLink: the file has another name, which may be outside the root.
	ErrHardLink = errors.New("files: the file has another hard link")
	// ErrOwner: the file belongs to somebody else.
	ErrOwner = errors.New("files: the file belongs to another user")
	// ErrTooLarge: the file is larger than the limit.
	ErrTooLarge = errors.New("files: too large")
	// ErrReadOnly: the root is for reading.
	ErrReadOnly = errors.New("files: the root is read-only")
	// ErrChanged: the content is not the one that was expected.
	ErrChanged = errors.New("files: the file changed meanwhile")
	// ErrShut: a folder may not be listed, so what changed in it is not known.
	ErrShut = errors.New("files: a folder may not be listed")
	// ErrUnsupported: the platform cannot give the guarantee.
	ErrUnsupported = errors.New("files: not supported on this platform")
)

// Access is what a root is good for. The zero Access gives nothing.
type Access uint8

// Accesses.
const (
	NoAccess Access = iota
	ReadOnly
	ReadWrite
)

// RootSpec is one directory that agents may reach.
type RootSpec struct {
	Path   string // absolute, links resolved
	Access Access
	// Workspace: what stands here without a record is the operator's. Anywhere
	// else it came from somebody unknown.
	Workspace bool
	// Vouched: only the gateway writes here, what a person has accepted; it
	// carries nothing.
	Vouched bool
}

// Options of a Tree.
type Options struct {
	// Roots; of several that contain a path the deepest one holds.
	Roots []RootSpec
	// Cwd is where relative paths begin; Home replaces a leading "~".
	Cwd, Home string
	// Owners are the uids whose files may be read and replaced: ours and the
	// workspace's. Empty means the uid of this process. In a root that is
	// read-only the system's files (uid 0) may be read too.
	Owners []int
	// NewOwner, when set, gets the files and directories that are made.
	NewOwner *Owner
	// Labels tells what is known of a file; without it everything is untrusted
	// and private.
	Labels *Labels
}

// Owner of new files.
type Owner struct{ UID, GID int }

// Content of a file that was read through the handle that was checked.
type Content struct {
	// Data is cut at the limit of the call; Size is the whole size.
	Data   []byte
	Size   int64
	SHA256 string // of the whole file, hex; "" beyond MaxHash
	// Labels as recorded for this content; Origin says how they are known.
	Labels claw.Labels
	Origin Origin
	// Linked: another name of the file exists inside the root.
	Linked bool
}

// Entry is one name in a directory.
type Entry struct {
	Name string
	Kind Kind
	Size int64
}

// Kind of a directory entry.
type Kind uint8

// Kinds.
const (
	KindOther Kind = iota // device, FIFO, socket: never opened
	KindFile
	KindDir
	KindLink
)

func (k Kind) String() string {
	return [...]string{"other", "file", "dir", "link"}[k]
}

// Limits. What is larger is refused or, for hashes, left out.
const (
	MaxRead    = 64 << 20
	MaxHash    = 64 << 20
	MaxWrite   = 64 << 20
	MaxEntries = 10_000 // names of one directory
	maxPath    = 4096
	maxLinks   = 40 // as the kernel
)
