package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed patch.md
var patchText string

// Bounds of a patch.
const (
	patchMaxBytes = 1 << 20
	patchMaxFiles = 50
)

// ApplyPatch returns the tool "apply_patch": change several files at once.
func ApplyPatch() Tool { return patchTool{} }

type patchTool struct{}

type patchArgs struct {
	Input string `json:"input"`
}

func (patchTool) Name() claw.ToolName { return "apply_patch" }

func (patchTool) Spec() Spec {
	return Spec{Text: patchText, Schema: json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`)}
}

// change is what a patch does to one file.
type change struct {
	kind   changeKind
	name   string // as written
	moveTo string
	hunks  []hunk
	add    string // content of a new file

	path, dest policy.Path
}

type changeKind uint8

const (
	addFile changeKind = iota
	updateFile
	deleteFile
)

// hunk replaces the lines old, found after the line at, by lines.
type hunk struct {
	at       string
	old, new []string
}

func (patchTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a patchArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	changes, err := parsePatch(a.Input)
	if err != nil {
		return Prepared{}, err
	}
	f := policy.Facts{Understood: true}
	names := make([]string, len(changes))
	for i := range changes {
		c := &changes[i]
		names[i] = c.name
		if c.path, err = s.Files.Resolve(c.name); err != nil {
			return Prepared{}, err
		}
		f.Writes = append(f.Writes, c.path)
		if c.kind == updateFile {
			f.Reads = append(f.Reads, c.path)
		}
		if c.moveTo != "" {
			if c.dest, err = s.Files.Resolve(c.moveTo); err != nil {
				return Prepared{}, err
			}
			f.Writes = append(f.Writes, c.dest)
		}
	}
	return Prepared{Arguments: canonical(a), Text: "patch " + strings.Join(names, ", "), Facts: f,
		Preview: func(context.Context) (string, error) { return a.Input, nil },
		Run:     func(_ context.Context, p policy.Permit) (Result, error) { return applyAll(s, p, changes) }}, nil
}

// applyAll works out every new content before it writes the first file, so
// that a hunk that does not fit changes nothing.
func applyAll(s Scope, p policy.Permit, changes []change) (Result, error) {
	type result struct{ text, expect string }
	results := make([]result, len(changes))
	res := Result{}
	for i, c := range changes {
		if c.kind == addFile {
			results[i].text = c.add
			if old, err := s.Files.Read(p, c.path.Abs, 1); err == nil {
				return Result{Text: fmt.Sprintf("%s is there already (%d bytes); nothing was changed", c.name, old.Size), IsError: true}, nil
			}
			continue
		}
		old, err := s.Files.Read(p, c.path.Abs, writeMaxBytes)
		if err != nil {
			return Result{}, err
		}
		if err := whole(c.name, old); err != nil && c.kind == updateFile {
			return Result{Text: err.Error() + "; nothing was changed", IsError: true}, nil
		}
		res.Labels |= old.Labels
		results[i].expect = old.SHA256
		if c.kind == updateFile {
			if results[i].text, err = c.apply(string(old.Data)); err != nil {
				return Result{Text: fmt.Sprintf("%s: %v; nothing was changed", c.name, err), IsError: true}, nil
			}
		}
	}
	for i, c := range changes {
		if err := c.write(s, p, results[i].text, results[i].expect); err != nil {
			return res, fmt.Errorf("%s: %w (changed before: %d of %d files)", c.name, err, i, len(changes))
		}
		res.Changed = append(res.Changed, c.target().Abs)
	}
	res.Text, res.From = fmt.Sprintf("changed %d files", len(changes)), "patched files"
	return res, nil
}

func (c change) target() policy.Path {
	if c.moveTo != "" {
		return c.dest
	}
	return c.path
}

func (c change) write(s Scope, p policy.Permit, text, expect string) error {
	switch c.kind {
	case addFile:
		return s.Files.Write(p, c.path.Abs, []byte(text), "")
	case updateFile:
		if c.moveTo == "" {
			return s.Files.Write(p, c.path.Abs, []byte(text), expect)
		}
		if err := s.Files.Write(p, c.dest.Abs, []byte(text), ""); err != nil {
			return err
		}
		return s.Files.Remove(p, c.path.Abs)
	case deleteFile:
		return s.Files.Remove(p, c.path.Abs)
	}
	return errors.New("unknown change")
}

// apply puts the hunks of one file in place, in order.
func (c change) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	from := 0
	for n, h := range c.hunks {
		if h.at != "" {
			i := find(lines, []string{h.at}, from)
			if i < 0 {
				return "", fmt.Errorf("hunk %d: line %q was not found", n+1, h.at)
			}
			from = i + 1
		}
		i := find(lines, h.old, from)
		if i < 0 {
			return "", fmt.Errorf("hunk %d: its %d lines were not found", n+1, len(h.old))
		}
		lines = append(lines[:i:i], append(append([]string{}, h.new...), lines[i+len(h.old):]...)...)
		from = i + len(h.new)
	}
	return strings.Join(lines, "\n"), nil
}

// find is where lines stand in text at or after from; no lines stand at the
// end.
func find(text, lines []string, from int) int {
	if len(lines) == 0 {
		return max(from, len(text)-1)
	}
	for i := from; i+len(lines) <= len(text); i++ {
		ok := true
		for k, l := range lines {
			if text[i+k] != l {
				ok = false
				break
			}
		}
		if ok {
			return i
		}
	}
	return -1
}

const (
	beginPatch = "*** Begin Patch"
	endPatch   = "*** End Patch"
)

// parsePatch reads the text of a patch; anything that it does not understand
// is an error with its line.
func parsePatch(input string) ([]change, error) {
	if len(input) > patchMaxBytes {
		return nil, fmt.Errorf("patch: %d bytes, at most %d", len(input), patchMaxBytes)
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(input, "\r\n", "\n")), "\n")
	if len(lines) < 2 || lines[0] != beginPatch || lines[len(lines)-1] != endPatch {
		return nil, fmt.Errorf("patch: expected %q on the first line, %q on the last", beginPatch, endPatch)
	}
	var out []change
	for i, l := range lines[1 : len(lines)-1] {
		if name, kind, ok := fileLine(l); ok {
			out = append(out, change{kind: kind, name: name})
			continue
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("patch: line %d: %q stands before the first file", i+2, l)
		}
		if err := out[len(out)-1].line(l); err != nil {
			return nil, fmt.Errorf("patch: line %d: %w", i+2, err)
		}
	}
	if len(out) == 0 || len(out) > patchMaxFiles {
		return nil, fmt.Errorf("patch: %d files, expected 1 to %d", len(out), patchMaxFiles)
	}
	return out, nil
}

func fileLine(l string) (string, changeKind, bool) {
	for _, k := range []struct {
		prefix string
		kind   changeKind
	}{{"*** Add File: ", addFile}, {"*** Update File: ", updateFile}, {"*** Delete File: ", deleteFile}} {
		if name, ok := strings.CutPrefix(l, k.prefix); ok && name != "" {
			return name, k.kind, true
		}
	}
	return "", 0, false
}

// line takes one line of a file's part.
func (c *change) line(l string) error {
	switch c.kind {
	case addFile:
		text, ok := strings.CutPrefix(l, "+")
		if !ok {
			return fmt.Errorf("%q: lines of a new file begin with +", l)
		}
		c.add += text + "\n"
		return nil
	case deleteFile:
		return fmt.Errorf("%q: nothing stands under a deleted file", l)
	case updateFile:
		return c.updateLine(l)
	}
	return errors.New("unknown change")
}

func (c *change) updateLine(l string) error {
	if to, ok := strings.CutPrefix(l, "*** Move to: "); ok && len(c.hunks) == 0 {
		c.moveTo = to
		return nil
	}
	if l == "*** End of File" {
		return nil
	}
	if at, ok := strings.CutPrefix(l, "@@"); ok {
		c.hunks = append(c.hunks, hunk{at: strings.TrimPrefix(at, " ")})
		return nil
	}
	if len(c.hunks) == 0 {
		c.hunks = append(c.hunks, hunk{})
	}
	h := &c.hunks[len(c.hunks)-1]
	if l == "" {
		l = " "
	}
	text := l[1:]
	switch l[0] {
	case ' ':
		h.old, h.new = append(h.old, text), append(h.new, text)
	case '-':
		h.old = append(h.old, text)
	case '+':
		h.new = append(h.new, text)
	default:
		return fmt.Errorf("%q: expected a line that begins with a blank, +, - or @@", l)
	}
	return nil
}
