package configfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

const includeKey = "$include"

// merge replaces every $include below n by what it names. Keys beside it win;
// of several files the later one does. from is the file that n stands in,
// stack the files that led here.
func (l *loader) merge(n *json5.Node, from string, depth int, stack []string) *json5.Node {
	switch n.Kind {
	case json5.Array:
		out := *n
		out.Items = make([]*json5.Node, len(n.Items))
		for i, item := range n.Items {
			out.Items[i] = l.merge(item, from, depth, stack)
		}
		return &out
	case json5.Object:
	case json5.Invalid, json5.Null, json5.Bool, json5.Number, json5.String:
		return n
	}
	own := *n
	own.Members = make([]json5.Member, 0, len(n.Members))
	var include *json5.Node
	for _, m := range n.Members {
		if m.Key == includeKey {
			include = m.Value
			continue
		}
		m.Value = l.merge(m.Value, from, depth, stack)
		own.Members = append(own.Members, m)
	}
	if include == nil {
		return &own
	}
	l.included = true
	var base *json5.Node
	switch include.Kind {
	case json5.String:
		base = l.include(include, from, depth, stack)
	case json5.Array:
		for _, item := range include.Items {
			if item.Kind != json5.String {
				l.refuse(item, item.Kind.String(), "the path of a file")
				continue
			}
			base = overlay(base, l.include(item, from, depth, stack))
		}
	case json5.Invalid, json5.Null, json5.Bool, json5.Number, json5.Object:
		l.refuse(include, include.Kind.String(), "a path or a list of paths")
	}
	if base == nil {
		return &own
	}
	if len(own.Members) == 0 {
		return base
	}
	if base.Kind != json5.Object {
		l.refuse(include, "a file that holds "+base.Kind.String()+" beside other keys", "an object")
		return &own
	}
	return overlay(base, &own)
}

// overlay merges objects deeply; anything else in top replaces what is below.
func overlay(below, top *json5.Node) *json5.Node {
	if below == nil || top == nil {
		if top == nil {
			return below
		}
		return top
	}
	if below.Kind != json5.Object || top.Kind != json5.Object {
		return top
	}
	out := *top
	out.Members = slices.Clone(below.Members)
	for _, m := range top.Members {
		i := slices.IndexFunc(out.Members, func(o json5.Member) bool { return o.Key == m.Key })
		if i < 0 {
			out.Members = append(out.Members, m)
			continue
		}
		m.Value = overlay(out.Members[i].Value, m.Value)
		out.Members[i] = m
	}
	return &out
}

// include reads the file that n names; nil when it is refused.
func (l *loader) include(n *json5.Node, from string, depth int, stack []string) *json5.Node {
	path := l.expand(n.Text)
	switch {
	case n.Text == "" || len(n.Text) >= maxIncludePath || strings.ContainsRune(n.Text, 0):
		l.refuse(n, "no usable path", fmt.Sprintf("a path of 1 to %d bytes", maxIncludePath-1))
		return nil
	case depth >= MaxIncludeDepth:
		l.refuse(n, fmt.Sprintf("includes deeper than %d", MaxIncludeDepth), "a flatter configuration")
		return nil
	case len(l.files) >= MaxFiles || l.bytes > 4*config.MaxFileBytes:
		l.refuse(n, fmt.Sprintf("more than %d files or %d bytes", MaxFiles, 4*config.MaxFileBytes), "fewer includes")
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	real := l.real(path)
	if i := slices.Index(stack, real); i >= 0 {
		l.refuse(n, fmt.Sprintf("a cycle: %q is being read already", n.Text), "a file that does not lead back")
		return nil
	}
	open, ok := l.beneath(real)
	if !ok {
		l.refuse(n, fmt.Sprintf("%q, which leads outside the configuration's directory", n.Text), "a file beneath it or beneath "+EnvIncludeRoots)
		return nil
	}
	name := path
	if rel, err := filepath.Rel(l.roots[0], path); err == nil && !strings.HasPrefix(rel, "..") {
		name = filepath.ToSlash(rel)
	}
	root, err := l.file(path, name, open)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			l.missing = append(l.missing, path)
		}
		l.refuse(n, fmt.Sprintf("%q: %v", n.Text, reason(err)), "a readable file")
		return nil
	}
	if root == nil {
		return nil
	}
	return l.merge(root, path, depth+1, append(slices.Clone(stack), real))
}

// reason is the cause of a failed read without the path, which the message
// names already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (l *loader) refuse(n *json5.Node, found, expected string) {
	l.problems = append(l.problems, config.Problem{Severity: config.Error, Code: config.CodeInclude, Found: found, Expected: expected,
		Where: claw.ConfigRef{File: n.Pos.File, Line: n.Pos.Line, Column: n.Pos.Column, Pointer: includeKey}})
}

// real follows links as far as the path exists.
func (l *loader) real(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	return filepath.Clean(path)
}

// beneath finds the root that real lies in. What it opens is held to that root
// even when a link appears between the check and the opening.
func (l *loader) beneath(real string) (opener, bool) {
	for _, dir := range l.roots {
		dir = l.real(dir)
		rel, err := filepath.Rel(dir, real)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		return func(_ string, flags int, perm fs.FileMode) (*os.File, error) {
			root, err := os.OpenRoot(dir)
			if err != nil {
				return nil, err
			}
			defer func() { _ = root.Close() }()
			return root.OpenFile(rel, flags, perm)
		}, true
	}
	return nil, false
}
