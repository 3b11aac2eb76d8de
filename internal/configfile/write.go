package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// ErrIncludes is returned for an edit of a configuration that is put together
// of several files: which of them to change is a person's choice.
var ErrIncludes = errors.New("the configuration includes other files; edit the file that sets the key")

// ErrChanged is returned when the file is no longer what an edit was based on.
var ErrChanged = errors.New("the configuration changed meanwhile")

// BackupSuffix is appended for the copy of what was there before.
const BackupSuffix = ".bak"

// WriteAtomic replaces the configuration, mode 0600, and keeps what was there
// as path.bak. A link, another user's file or a directory is refused; on any
// error the file is what it was.
func WriteAtomic(path string, data []byte) error {
	if len(data) > config.MaxFileBytes {
		return fmt.Errorf("config: %w", tooLarge(path, int64(len(data))))
	}
	old, err := atomicfile.Read(path, config.MaxFileBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	case err != nil:
		return fmt.Errorf("config: %w", err)
	case bytes.Equal(old, data):
		return nil
	default:
		if err := atomicfile.Write(path+BackupSuffix, old); err != nil {
			return fmt.Errorf("config: backup: %w", err)
		}
	}
	if err := atomicfile.Write(path, data); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// Edit changes the file under a lock: f gets its bytes, nil when there is
// none, and returns the new ones. The result is refused when it does not
// parse, or has errors that the file did not have before; the file is then
// untouched. It returns the problems of the new content.
func Edit(p Paths, o Options, f func(src []byte) ([]byte, error)) (config.Problems, error) {
	if err := atomicfile.MkdirAll(filepath.Dir(p.Config)); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	lock, err := atomicfile.TryLock(p.Config + ".lock")
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	src, err := atomicfile.Read(p.Config, config.MaxFileBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("config: %w", err)
	}
	out, err := f(bytes.Clone(src))
	if err != nil {
		return nil, err
	}
	if bytes.Equal(src, out) {
		return nil, nil
	}
	_, before := parse(p, o, src)
	_, after := parse(p, o, out)
	if added := newErrors(before, after); added != nil {
		return after, fmt.Errorf("config: not written: %w", added)
	}
	return after, WriteAtomic(p.Config, out)
}

// parse types text as if it stood in the file, includes and all.
func parse(p Paths, o Options, src []byte) (*config.Config, config.Problems) {
	if len(src) == 0 {
		return config.Parse(config.Input{Env: o.Env, Foreign: o.Foreign})
	}
	l := newLoader(p)
	doc := json5.Parse(filepath.Base(p.Config), src)
	l.syntax = doc.Errors
	root := doc.Root
	if root != nil {
		root = l.merge(root, p.Config, 0, []string{l.real(p.Config)})
	}
	return config.Parse(config.Input{Root: root, Syntax: l.syntax, Extra: l.problems, Env: o.Env, Foreign: o.Foreign})
}

// newErrors are the errors of after that before has not: a file that is broken
// in one place may be mended in another.
func newErrors(before, after config.Problems) error {
	type key struct{ pointer, found string }
	had := map[key]int{}
	for _, e := range before.Only(config.Error) {
		had[key{e.Where.Pointer, e.Found}]++
	}
	var added config.Problems
	for _, e := range after.Only(config.Error) {
		k := key{e.Where.Pointer, e.Found}
		if had[k]--; had[k] < 0 || e.Code == config.CodeSyntax {
			added = append(added, e)
		}
	}
	return added.Err()
}

// Set changes one value of the file; value is JSON5. A key that an include
// sets is refused with ErrIncludes.
func Set(p Paths, o Options, path json5.Path, value string) (config.Problems, error) {
	return Edit(p, o, func(src []byte) ([]byte, error) {
		if err := refuseIncludes(src, path); err != nil {
			return nil, err
		}
		return json5.Set(src, path, value)
	})
}

// Unset takes one key away. What is not there is no error.
func Unset(p Paths, o Options, path json5.Path) (config.Problems, error) {
	return Edit(p, o, func(src []byte) ([]byte, error) {
		if err := refuseIncludes(src, path); err != nil {
			return nil, err
		}
		if len(src) == 0 {
			return src, nil
		}
		return json5.Unset(src, path)
	})
}

// refuseIncludes: a key below an object that includes a file may come from
// there; setting it here would silently win over it.
func refuseIncludes(src []byte, path json5.Path) error {
	n := json5.Parse("", src).Root
	for i := 0; n != nil; i++ {
		if n.Get(includeKey) != nil {
			return fmt.Errorf("config: %q: %w", path, ErrIncludes)
		}
		if i == len(path) {
			return nil
		}
		n = n.Lookup(path[i : i+1])
	}
	return nil
}
