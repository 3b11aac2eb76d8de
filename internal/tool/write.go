package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed write.md
var writeText string

//go:embed edit.md
var editText string

// writeMaxBytes bounds a file that an agent writes.
const writeMaxBytes = 4 << 20

// Write returns the tool "write": make or replace a file.
func Write() Tool { return writeTool{} }

type writeTool struct{}

type writeArgs struct {
	Path     string `json:"path"`
	FilePath string `json:"file_path,omitempty"`
	Content  string `json:"content"`
}

func (writeTool) Name() claw.ToolName { return "write" }

func (writeTool) Spec() Spec {
	return Spec{Text: writeText, Schema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}},"required":["path","content"],"additionalProperties":false}`)}
}

func (writeTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a writeArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	a.Path, a.FilePath = firstOf(a.Path, a.FilePath), ""
	if err := need("path", a.Path); err != nil {
		return Prepared{}, err
	}
	if len(a.Content) > writeMaxBytes {
		return Prepared{}, fmt.Errorf("content: %d bytes, at most %d can be written", len(a.Content), writeMaxBytes)
	}
	path, err := s.Files.Resolve(a.Path)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{Arguments: canonical(a), Text: fmt.Sprintf("write %s (%d bytes)", a.Path, len(a.Content)),
		Facts:   policy.Facts{Understood: true, Writes: []policy.Path{path}},
		Preview: func(context.Context) (string, error) { return preview(s, path.Abs, a.Path, []byte(a.Content)) },
		Run: func(_ context.Context, p policy.Permit) (Result, error) {
			if err := s.Files.Write(p, path.Abs, []byte(a.Content), ""); err != nil {
				return Result{}, err
			}
			return Result{Text: fmt.Sprintf("wrote %d bytes to %s", len(a.Content), a.Path), Changed: []string{path.Abs}}, nil
		}}, nil
}

// Edit returns the tool "edit": replace one piece of text in a file.
func Edit() Tool { return editTool{} }

type editTool struct{}

type editArgs struct {
	Path      string  `json:"path"`
	FilePath  string  `json:"file_path,omitempty"`
	OldText   string  `json:"oldText"`
	OldString string  `json:"old_string,omitempty"`
	NewText   *string `json:"newText"`
	NewString *string `json:"new_string,omitempty"`
}

func (editTool) Name() claw.ToolName { return "edit" }

func (editTool) Spec() Spec {
	return Spec{Text: editText, Schema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"},"oldText":{"type":"string","minLength":1},"newText":{"type":"string"}},"required":["path","oldText","newText"],"additionalProperties":false}`)}
}

func (editTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a editArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	a.Path, a.FilePath = firstOf(a.Path, a.FilePath), ""
	a.OldText, a.OldString = firstOf(a.OldText, a.OldString), ""
	if a.NewText == nil {
		a.NewText = a.NewString
	}
	a.NewString = nil
	if a.Path == "" || a.OldText == "" || a.NewText == nil {
		return Prepared{}, fmt.Errorf("arguments: path, oldText and newText are required")
	}
	path, err := s.Files.Resolve(a.Path)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{Arguments: canonical(a), Text: "edit " + a.Path,
		Facts: policy.Facts{Understood: true, Reads: []policy.Path{path}, Writes: []policy.Path{path}},
		Preview: func(context.Context) (string, error) {
			old, err := s.Files.Peek(path.Abs, writeMaxBytes)
			if err != nil {
				return "", err
			}
			changed, err := replaceOnce(string(old), a.OldText, *a.NewText)
			if err != nil {
				return "", err
			}
			return preview(s, path.Abs, a.Path, []byte(changed))
		},
		Run: func(_ context.Context, p policy.Permit) (Result, error) {
			c, err := s.Files.Read(p, path.Abs, writeMaxBytes)
			if err != nil {
				return Result{}, err
			}
			if err := whole(a.Path, c); err != nil {
				return Result{Text: err.Error(), IsError: true}, nil
			}
			changed, err := replaceOnce(string(c.Data), a.OldText, *a.NewText)
			if err != nil {
				return Result{Text: err.Error(), IsError: true}, nil
			}
			if err := s.Files.Write(p, path.Abs, []byte(changed), c.SHA256); err != nil {
				return Result{}, err
			}
			return Result{Text: "edited " + a.Path, Labels: c.Labels, From: "file " + a.Path, Changed: []string{path.Abs}}, nil
		}}, nil
}

// whole refuses a file of which only the beginning was read: writing it back
// would lose the rest.
func whole(name string, c Content) error {
	if c.Size > int64(len(c.Data)) {
		return fmt.Errorf("%s has %d bytes; files above %d bytes are not edited", name, c.Size, writeMaxBytes)
	}
	return nil
}

// replaceOnce replaces the only occurrence of old; none or several are errors,
// since a guess would change something that nobody looked at.
func replaceOnce(text, old, replacement string) (string, error) {
	switch n := strings.Count(text, old); n {
	case 1:
		return strings.Replace(text, old, replacement, 1), nil
	case 0:
		return "", fmt.Errorf("oldText was not found in the file")
	default:
		return "", fmt.Errorf("oldText stands %d times in the file; give more of its surroundings", n)
	}
}

// preview is the change as a unified diff.
func preview(s Scope, abs, name string, replacement []byte) (string, error) {
	old, err := s.Files.Peek(abs, writeMaxBytes)
	if err != nil {
		old = nil // a new file
	}
	return s.Files.Diff(name, old, replacement), nil
}
