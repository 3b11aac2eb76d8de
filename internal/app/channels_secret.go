package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

// KeepSecret puts a value into secrets.json as group/name, keeping what else
// stands there.
func KeepSecret(p configfile.Paths, group, name, value string) error {
	doc := map[string]json.RawMessage{}
	old, err := atomicfile.Read(p.Secrets, 1<<20)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(old, &doc); err != nil {
			return fmt.Errorf("%s: %w", p.Secrets, err)
		}
	}
	in := map[string]json.RawMessage{}
	if raw := doc[group]; raw != nil {
		if err := json.Unmarshal(raw, &in); err != nil {
			return fmt.Errorf("%s: %s: %w", p.Secrets, group, err)
		}
	}
	if in[name], err = json.Marshal(value); err != nil {
		return err
	}
	if doc[group], err = json.Marshal(in); err != nil {
		return err
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(p.Secrets, append(out, '\n'))
}
