package configfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Limits of $include.
const (
	MaxIncludeDepth = 10
	MaxFiles        = 256
	maxIncludePath  = 4096
)

// ErrTooLarge is wrapped when a file is above config.MaxFileBytes.
var ErrTooLarge = errors.New("file is too large")

// ErrNotRegular is wrapped when a path is no regular file.
var ErrNotRegular = errors.New("not a regular file")

// File is one file that was read.
type File struct {
	// Path is where it lies, Name what positions call it.
	Path, Name string
	Size       int64
	Mode       fs.FileMode
	ModTime    time.Time
	// Link: the path itself is a symbolic link.
	Link   bool
	SHA256 string
	// Data is what was read; it may hold credentials.
	Data []byte
}

// Loaded is what a home's configuration says.
type Loaded struct {
	// Config is never nil. Without a file it is config.Default, with a broken
	// one what was understood.
	Config   *config.Config
	Problems config.Problems
	// Absent: there is no file.
	Absent bool
	// Files are the configuration, then what it includes.
	Files []File
	// Missing are included files that are not there.
	Missing []string
	// Hash covers every file; config.set and config.patch name it as their
	// base. It is empty when Absent.
	Hash string
	// Includes: an edit of the root file may not reach what is set.
	Includes bool
}

// Options of Load.
type Options struct {
	// Env looks up variables that the file names; nil means none is set.
	Env func(name string) (string, bool)
	// Foreign: the home is somebody else's.
	Foreign bool
}

// Load reads the configuration with its includes. Everything wrong inside the
// files is a problem with its place; err is only for a file that could not be
// read at all, and Loaded.Config is then a configuration that allows nothing
// beyond the default.
func Load(p Paths, o Options) (*Loaded, error) {
	l := newLoader(p)
	root, err := l.file(p.Config, filepath.Base(p.Config), os.OpenFile)
	out := &Loaded{}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		out.Absent, out.Config = true, config.Default()
	case err != nil:
		out.Config = config.Default()
		return out, fmt.Errorf("config: %w", err)
	default:
		if root != nil {
			root = l.merge(root, p.Config, 0, []string{l.real(p.Config)})
		}
		out.Config, out.Problems = config.Parse(config.Input{Root: root, Syntax: l.syntax, Extra: l.problems, Env: o.Env, Foreign: o.Foreign})
	}
	out.Files, out.Includes, out.Missing = l.files, l.included, l.missing
	out.Hash = l.hash()
	if p.Port.Set {
		out.Config.Gateway.Port = p.Port
	}
	return out, nil
}

// Unchanged reports that the files are to the letter what was loaded, so that
// another Load would find the same. It parses nothing. After errors it is
// false: what was missing may be there.
func (l *Loaded) Unchanged() bool {
	for _, was := range l.Files {
		_, is, err := readFile(was.Path, os.OpenFile)
		if err != nil || is.SHA256 != was.SHA256 || is.Mode != was.Mode || is.Link != was.Link {
			return false
		}
	}
	return len(l.Files) > 0 && !l.Problems.HasErrors()
}

// loader carries one Load.
type loader struct {
	roots    []string
	expand   func(string) string
	files    []File
	syntax   json5.Errors
	problems config.Problems
	included bool
	bytes    int64
	missing  []string
}

func newLoader(p Paths) *loader {
	return &loader{roots: append([]string{filepath.Dir(p.Config)}, p.IncludeRoots...), expand: p.Expand}
}

func (l *loader) hash() string {
	if len(l.files) == 0 {
		return ""
	}
	h := sha256.New()
	for _, f := range l.files {
		fmt.Fprintf(h, "%s %s\n", f.SHA256, f.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// opener opens a file; os.OpenFile, or one that is held beneath a directory.
type opener func(path string, flags int, perm fs.FileMode) (*os.File, error)

// file reads and parses one file.
func (l *loader) file(path, name string, open opener) (*json5.Node, error) {
	data, info, err := readFile(path, open)
	if err != nil {
		return nil, err
	}
	info.Name, info.Data = name, data
	l.files = append(l.files, info)
	l.bytes += info.Size
	doc := json5.Parse(name, data)
	l.syntax = append(l.syntax, doc.Errors...)
	return doc.Root, nil
}

// readFile reads a regular file of bounded size. It never waits for a pipe,
// and judges the file that it opened, not its name.
func readFile(path string, open opener) ([]byte, File, error) {
	info := File{Path: path}
	if fi, err := os.Lstat(path); err == nil {
		info.Link = fi.Mode()&fs.ModeSymlink != 0
	}
	f, err := open(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, info, err
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	if err != nil {
		return nil, info, err
	}
	if !fi.Mode().IsRegular() {
		return nil, info, fmt.Errorf("%q: %w", path, ErrNotRegular)
	}
	if fi.Size() > config.MaxFileBytes {
		return nil, info, tooLarge(path, fi.Size())
	}
	data, err := io.ReadAll(io.LimitReader(f, config.MaxFileBytes+1))
	if err != nil {
		return nil, info, fmt.Errorf("read %q: %w", path, err)
	}
	if len(data) > config.MaxFileBytes {
		return nil, info, tooLarge(path, int64(len(data)))
	}
	sum := sha256.Sum256(data)
	info.Size, info.Mode, info.ModTime, info.SHA256 = int64(len(data)), fi.Mode(), fi.ModTime(), hex.EncodeToString(sum[:])
	return data, info, nil
}

func tooLarge(path string, size int64) error {
	return fmt.Errorf("%q has %d bytes, expected at most %d: %w", path, size, config.MaxFileBytes, ErrTooLarge)
}
