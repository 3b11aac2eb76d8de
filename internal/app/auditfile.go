package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// maxSnapshot bounds a snapshot that is read.
const maxSnapshot = 256 << 20

// WriteSnapshot writes what was seen, mode 0600. It holds no credential.
func WriteSnapshot(path string, in Looked) error {
	s := in.Snapshot
	s.Problems, s.Unreadable = in.Problems, in.Unreadable
	if l := in.Loaded; l != nil {
		red := filter.New(filter.Options{})
		for _, f := range l.Files {
			b := l.Config.Masked(f.Name, f.Data)
			for _, hit := range red.Find(string(b)) { // what stands in comments
				for i := hit.Start; i < min(hit.End, len(b)); i++ {
					if b[i] != '\n' && b[i] != '"' && b[i] != '\'' {
						b[i] = '*'
					}
				}
			}
			s.Sources = append(s.Sources, audit.Source{Path: f.Path, Text: string(b)})
		}
	}
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if b, err = maskedJSON(b, in.Redact); err != nil {
		return err
	}
	return atomicfile.Write(path, append(b, '\n'))
}

// maskedJSON masks every text of a snapshot, keys of objects too. The copies
// of the configuration are masked already, position by position.
func maskedJSON(b []byte, mask func(string) string) ([]byte, error) {
	if mask == nil {
		return b, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var walk func(v any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case string:
			return mask(v)
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case map[string]any:
			out := make(map[string]any, len(v))
			for k, x := range v {
				if k == "sources" {
					out[k] = x
					continue
				}
				out[mask(k)] = walk(x)
			}
			return out
		}
		return v
	}
	return json.MarshalIndent(walk(v), "", " ")
}

// ReadSnapshot gives what the audit judges from a snapshot taken elsewhere.
// The configuration is read from its copies in a private temporary directory.
func ReadSnapshot(path string) (audit.Input, error) {
	var in audit.Input
	f, err := os.Open(path)
	if err != nil {
		return in, err
	}
	defer func() { _ = f.Close() }()
	if st, err := f.Stat(); err != nil || st.Size() > maxSnapshot {
		return in, fmt.Errorf("%q: expected a snapshot of at most %d bytes", path, maxSnapshot)
	}
	if err := json.NewDecoder(f).Decode(&in.Snapshot); err != nil {
		return in, fmt.Errorf("%q is no snapshot: %w", path, err)
	}
	s := &in.Snapshot
	if s.Format != audit.SnapshotFormat {
		return in, fmt.Errorf("%q: found snapshot format %d, expected %d", path, s.Format, audit.SnapshotFormat)
	}
	dir, err := os.MkdirTemp("", "openclaw-snapshot-")
	if err != nil {
		return in, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	base := filepath.Dir(s.Home.Config)
	for _, x := range s.Sources {
		rel, err := filepath.Rel(base, x.Path)
		if err != nil || !filepath.IsLocal(rel) {
			s.Skipped = append(s.Skipped, audit.Skip{What: x.Path, Why: "an included file outside the configuration's directory", Check: "config"})
			continue
		}
		to := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return in, err
		}
		if err := os.WriteFile(to, []byte(x.Text), 0o600); err != nil {
			return in, err
		}
	}
	p, err := configfile.ResolvePaths(configfile.Env{Getenv: func(name string) string {
		return map[string]string{configfile.EnvStateDir: dir, configfile.EnvHome: dir, configfile.EnvConfigPath: filepath.Join(dir, filepath.Base(s.Home.Config))}[name]
	}})
	if err != nil {
		return in, err
	}
	// A variable that was set there is taken as set: what was wrong with the
	// configuration there is in the snapshot.
	l, err := configfile.Load(p, configfile.Options{Env: func(name string) (string, bool) { return strings.ToLower(name), true }, Foreign: s.Home.Owner == audit.UpstreamHome})
	in.Redact = maskOf(filter.New(filter.Options{}), nil)
	in.Config, in.Problems, in.Unreadable = l.Config, s.Problems, s.Unreadable
	if err != nil && in.Unreadable == "" {
		in.Unreadable = err.Error()
	}
	return in, nil
}
