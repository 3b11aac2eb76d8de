package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed read.md
var readText string

// Limits of read.
const (
	readMaxBytes = 1 << 20
	readMaxLines = 2000
)

// Read returns the tool "read": a text file, or part of one.
func Read() Tool { return readTool{} }

type readTool struct{}

type readArgs struct {
	Path     string `json:"path"`
	FilePath string `json:"file_path,omitempty"`
	Offset   int    `json:"offset,omitempty"`
	Limit    int    `json:"limit,omitempty"`
}

func (readTool) Name() claw.ToolName { return "read" }

func (readTool) Spec() Spec {
	return Spec{Text: readText, Schema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string","description":"file, relative to the workspace or absolute"},"offset":{"type":"integer","minimum":1,"description":"first line"},"limit":{"type":"integer","minimum":1,"description":"number of lines"}},"required":["path"],"additionalProperties":false}`)}
}

func (readTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a readArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	a.Path, a.FilePath = firstOf(a.Path, a.FilePath), ""
	if err := need("path", a.Path); err != nil {
		return Prepared{}, err
	}
	path, err := s.Files.Resolve(a.Path)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{Arguments: canonical(a), Text: "read " + a.Path,
		Facts: policy.Facts{Understood: true, Reads: []policy.Path{path}},
		Run: func(_ context.Context, p policy.Permit) (Result, error) {
			c, err := s.Files.Read(p, path.Abs, readMaxBytes)
			if err != nil {
				return Result{}, err
			}
			return Result{Text: numbered(c, a.Offset, a.Limit), Labels: c.Labels, From: "file " + a.Path, Content: true}, nil
		}}, nil
}

// numbered cuts a file to the lines asked for.
func numbered(c Content, offset, limit int) string {
	if !utf8.Valid(c.Data) {
		return fmt.Sprintf("(%d bytes, not text)", c.Size)
	}
	lines := strings.SplitAfter(string(c.Data), "\n")
	if offset > 0 {
		lines = lines[min(offset-1, len(lines)):]
	}
	if limit <= 0 || limit > readMaxLines {
		limit = readMaxLines
	}
	cut := len(lines) > limit || c.Size > int64(len(c.Data))
	text := strings.Join(lines[:min(limit, len(lines))], "")
	if cut {
		text += fmt.Sprintf("\n(cut: the file has %d bytes; read on with offset)", c.Size)
	}
	return text
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func canonical(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return nil // our own argument structs always marshal
	}
	return b
}
