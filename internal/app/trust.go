package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
)

var _ gateway.Voucher = (*overview)(nil)

// Vouch implements gateway.Voucher.
func (o *overview) Vouch(ctx context.Context, path string, by claw.Principal) (json.RawMessage, error) {
	v, err := files.LookAt(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &gateway.Fault{Kind: gateway.NotFound, Message: err.Error()}
	case err != nil:
		return nil, &gateway.Fault{Kind: gateway.Invalid, Message: err.Error()}
	}
	if err := vouch(ctx, o.app.journal, o.app.labels, v, by); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// vouch records an operator's word for files: the journal has it first.
func vouch(ctx context.Context, j *journal.Journal, l *files.Labels, v files.Vouched, by claw.Principal) error {
	_, err := j.Append(ctx, journal.Entry{Event: journal.LabelChange, Principal: by, Data: fileChange{
		File: v.Path, SHA256: v.SHA256, Files: v.Files, Why: "the operator vouched for it", Labels: claw.Private}})
	if err != nil {
		return err
	}
	return l.Vouch(v, by.String())
}

// TrustHere vouches for files while no gateway runs.
func TrustHere(ctx context.Context, p configfile.Paths, c *config.Config, path string) (v files.Vouched, err error) {
	if v, err = files.LookAt(ctx, path); err != nil {
		return v, err
	}
	j, err := journal.Open(journal.Options{Dir: p.State, Path: journalPath(p, c), Now: time.Now, Redact: func(s string) string { return s }})
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	l, err := files.OpenLabels(filepath.Join(p.State, labelsFile), time.Now)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return v, vouch(ctx, j, l, v, operatorAct)
}
