package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Resolve names the file that text means: absolute, with links resolved as the
// kernel would, also when the file is not there yet. It opens nothing. Where
// the path leads is for the policy to judge; the handles take no link that
// appears afterwards.
func (t *Tree) Resolve(text string) (policy.Path, error) {
	abs, err := t.absolute(text)
	if err != nil {
		return policy.Path{}, err
	}
	real, err := followLinks(abs, os.Readlink)
	if err != nil {
		return policy.Path{}, fmt.Errorf("files: %q: %w", text, err)
	}
	p := policy.Path{Abs: real, Text: text}
	p.Labels = t.expected(real)
	return p, nil
}

// absolute turns what a call said into an absolute path that may still hold
// links and dots.
func (t *Tree) absolute(text string) (string, error) {
	if text == "" || len(text) > maxPath {
		return "", fmt.Errorf("files: path of %d bytes, expected 1 to %d", len(text), maxPath)
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return "", fmt.Errorf("files: path with a NUL byte at %d", i)
	}
	if runtime.GOOS == "windows" {
		if rest := text[len(filepath.VolumeName(text)):]; strings.ContainsAny(rest, ":") {
			return "", fmt.Errorf("files: %q names a stream", text)
		}
		text = filepath.FromSlash(text)
	}
	switch {
	case text == "~" || strings.HasPrefix(text, "~"+string(filepath.Separator)):
		if t.home == "" {
			return "", fmt.Errorf("files: %q: no home directory is known", text)
		}
		text = t.home + text[1:]
	case strings.HasPrefix(text, "~"):
		return "", fmt.Errorf("files: %q: only ~/ of the agent's own home is understood", text)
	case !filepath.IsAbs(text):
		if t.cwd == "" {
			return "", fmt.Errorf("files: %q is relative and there is no working directory", text)
		}
		text = t.cwd + string(filepath.Separator) + text
	}
	return text, nil
}

// errMissingDots: ".." after a name that is not there means nothing.
var errMissingDots = errors.New(`".." after a name that does not exist`)

// followLinks resolves an absolute path one name at a time; readlink answers
// with an error for what is no link or not there. ".." is applied to where the
// links before it led, not to the text.
func followLinks(abs string, readlink func(string) (string, error)) (string, error) {
	const sep = string(filepath.Separator)
	vol := filepath.VolumeName(abs)
	at := vol + sep
	todo := strings.Split(abs[len(vol):], sep)
	links, missing := 0, false
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if missing {
				return "", errMissingDots
			}
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		target, err := readlink(next)
		if err != nil {
			missing = missing || isNotExist(err)
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("more than %d links", maxLinks)
		}
		if len(target) > maxPath || len(todo) > maxPath {
			return "", fmt.Errorf("a link that is too long")
		}
		if filepath.IsAbs(target) {
			vol = filepath.VolumeName(target)
			at = vol + sep
			target = target[len(vol):]
		}
		todo = append(strings.Split(target, sep), todo...)
	}
	if len(at) > maxPath {
		return "", fmt.Errorf("path of %d bytes, at most %d", len(at), maxPath)
	}
	return at, nil
}

// Readlink tells where a symbolic link points; ok is false when abs is none.
func (t *Tree) Readlink(abs string) (target string, ok bool) {
	target, err := os.Readlink(abs)
	return target, err == nil
}
