package app

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/journal/witness"
)

const witnessFile = "witness.json"

// errWitnessChannel: security.witness.channel alone.
var errWitnessChannel = errors.New("security.witness.channel: a conversation cannot be a witness yet; set security.witness.url")

// witness sends the journal's checkpoints outside, as security.witness says at
// the time, until the gateway ends.
func (a *App) witness() {
	w, err := witness.New(witness.Options{Path: filepath.Join(a.paths.State, witnessFile), Now: time.Now, After: time.After,
		Target: a.witnessTarget,
		Newest: func() ([]byte, chain.Checkpoint, error) { return journal.LastCheckpoint(a.record.paths) },
		RootAt: func(size uint64) (tlog.Hash, bool, error) { return journal.RootAt(a.record.paths, size) },
		Alarm:  a.witnessAlarm})
	if err != nil {
		a.log.Error("the journal has no witness", "error", err)
		return
	}
	w.Run(a.life)
}

func (a *App) witnessTarget() (witness.Target, string, error) {
	c := a.posture.config().Security.Witness
	name, err := witnessName(c)
	if err != nil || name == "" {
		return nil, name, err
	}
	u, err := url.Parse(c.URL.V)
	if err != nil {
		return nil, name, err
	}
	client, err := a.rim.client(egress.Fixed{Name: "witness", Origins: []string{u.Scheme + "://" + u.Host}, Timeout: time.Minute})
	if err != nil {
		return nil, name, err
	}
	return witness.URL{Client: client, Address: c.URL.V}, name, nil
}

func witnessName(c config.Witness) (string, error) {
	switch {
	case c.URL.V != "":
		return witness.Name(c.URL.V)
	case c.Channel.V != "":
		return "channel " + c.Channel.V, errWitnessChannel
	}
	return "", nil
}

func (a *App) witnessAlarm(al witness.Alarm) {
	event := journal.WitnessSilent
	if al.Kind == witness.Contradicts {
		event = journal.WitnessContradicts
	}
	a.log.Error("the journal's witness", "kind", al.Kind, "witness", al.Name, "why", al.Why)
	if _, err := a.journal.Append(context.WithoutCancel(a.life), journal.Entry{Event: event, Data: al}); err != nil {
		a.log.Error("an alarm of the journal's witness is not in the journal", "error", err)
	}
}

// WitnessState is what is known of the journal's witness.
type WitnessState struct {
	// Name is what is configured; "" for none.
	Name string
	// Problem of the configuration.
	Problem string
	// Status is of the witness that the running or last gateway talked to.
	Status witness.Status
}

// WitnessOf reads the state of a home's witness, the gateway running or not.
func WitnessOf(p configfile.Paths, env func(string) (string, bool)) (WitnessState, error) {
	var out WitnessState
	l, err := configfile.Load(p, configfile.Options{Env: env})
	if err != nil {
		return out, err
	}
	if out.Name, err = witnessName(l.Config.Security.Witness); err != nil {
		out.Problem = err.Error()
	}
	s, err := witness.ReadStatus(filepath.Join(p.State, witnessFile))
	if err != nil || s.Name != out.Name {
		return out, err
	}
	out.Status = s
	return out, nil
}
