package gate

import (
	"github.com/rogpeppe/go-internal/diff"

	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Files are an agent's files for one call.
type Files struct{ *files.Tree }

var _ tool.Files = Files{}

// Read implements tool.Files.
func (f Files) Read(p policy.Permit, abs string, limit int64) (tool.Content, error) {
	c, err := f.Tree.Read(p, abs, limit)
	if err != nil {
		return tool.Content{}, err
	}
	return tool.Content{Data: c.Data, Size: c.Size, SHA256: c.SHA256, Labels: c.Labels}, nil
}

// Diff implements tool.Files.
func (f Files) Diff(name string, old, replacement []byte) string {
	return string(diff.Diff(name, old, name, replacement))
}
