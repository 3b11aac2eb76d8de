package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
)

func checklistFile(p configfile.Paths) string { return filepath.Join(p.State, "checklist.json") }

// Confirmations are what people said of the checklist's items.
func Confirmations(p configfile.Paths) (map[string]audit.Confirmation, error) {
	out := map[string]audit.Confirmation{}
	b, err := atomicfile.Read(checklistFile(p), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", checklistFile(p), err)
	}
	return out, nil
}

// Confirm stores a person's word on an item. The journal has it first: the
// running gateway's, through say, or the home's own.
func Confirm(ctx context.Context, p configfile.Paths, env func(string) (string, bool), item string, c audit.Confirmation, say func() error) error {
	all, err := Confirmations(p)
	if err != nil {
		return err
	}
	if say == nil {
		l, err := configfile.Load(p, configfile.Options{Env: env})
		if err != nil {
			return err
		}
		say = func() error {
			return note(ctx, p, l.Config, journal.Entry{Event: journal.Security, Principal: operatorAct,
				Data: map[string]string{"confirmed": item, "until": c.Until.Format(time.DateOnly), "note": c.Note}})
		}
	}
	if err := say(); err != nil {
		return fmt.Errorf("the journal could not be written, so nothing is confirmed: %w", err)
	}
	all[item] = c
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(checklistFile(p), append(b, '\n'))
}
