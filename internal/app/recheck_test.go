package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/store"
)

// asked counts how often a proxy was told to decide anew.
type asked struct {
	n int
	// labels of the session when it was told.
	labels func() claw.Labels
	saw    claw.Labels
}

func (a *asked) Recheck(context.Context) {
	a.n++
	if a.labels != nil {
		a.saw = a.labels()
	}
}

// TestR15GrowingLabelsRecheck: labels that a session comes to hold are in force
// when its proxies, and no others, decide anew; rules that change reach all.
func TestR15GrowingLabelsRecheck(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(store.Options{Dir: dir, Now: time.Now, Workspace: func(claw.AgentID) string { return dir }, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	j, err := journal.Open(journal.Options{Dir: dir, Now: time.Now, Redact: filter.New(filter.Options{}).String})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	a := &App{paths: configfile.Paths{State: dir}, log: slog.New(slog.DiscardHandler), journal: j, life: t.Context()}
	a.sessions = &sessions{Store: st, app: a}
	const key = claw.SessionKey("agent:main:main")
	if err := a.sessions.Ensure(key, "main"); err != nil {
		t.Fatal(err)
	}
	own := &asked{labels: func() claw.Labels { l, _, _ := a.sessions.Labels(key); return l }}
	other, gone := &asked{}, &asked{}
	a.proxies.add(own, key)
	a.proxies.add(other, "agent:main:other")
	a.proxies.add(gone, key)
	a.proxies.remove(gone)
	if err := a.sessions.AddLabels(key, []claw.Lineage{{Label: claw.Untrusted, From: "web page a"}}); err != nil {
		t.Fatal(err)
	}
	if own.n != 1 || own.saw != claw.Untrusted || other.n != 0 || gone.n != 0 {
		t.Errorf("own %d under %v, other %d, gone %d", own.n, own.saw, other.n, gone.n)
	}
	a.proxies.recheck(t.Context(), "")
	if own.n != 2 || other.n != 1 || gone.n != 0 {
		t.Errorf("own %d, other %d, gone %d", own.n, other.n, gone.n)
	}
	got, err := j.Search(t.Context(), journal.Filter{Events: []journal.Event{journal.LabelChange}})
	if err != nil || len(got) != 1 || got[0].Agent != "main" || got[0].Session != key {
		t.Errorf("%+v, %v", got, err)
	}
}
